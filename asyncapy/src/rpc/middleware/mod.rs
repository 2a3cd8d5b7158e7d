//! Middleware around calls, on both sides.
//!
//! - [`IncomingCall`]: a call of ours, for [`Server::builder().middleware(..)`](crate::server::Builder::middleware);
//!   [`OutgoingCall`]: one that we make, for [`Caller::with`](super::Caller::with).
//! - [`Reply`]: what comes of it, if no [`Status`](super::Status) does.
//! - [`from_fn`], [`Middleware`], [`Next`]: the same as for packets, in
//!   [`handler::middleware`](crate::handler::middleware).
//! - Ready ones: [`AccessLog`], [`ConcurrencyLimit`], [`LoadShed`], [`Timeout`], [`Traces`](super::Traces), `RateLimited` (feature
//!   `rate-limit`), `Metrics` (feature `metrics`); a tower layer by `Layered` (feature `tower`).
//!
//! Functions and callers without middleware have no cost of it. A call that is refused before its function is known or
//! its arguments can be read is seen by none.
//!
//! ```
//! use asyncapy::prelude::*;
//! use asyncapy::rpc::Status;
//! use asyncapy::rpc::middleware::{IncomingCall, Next, from_fn};
//!
//! #[rpc(group = "math")]
//! async fn sum(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> asyncapy::Result<()> {
//! let server = Server::builder()
//!     .register(sum)
//!     .middleware_for("math.", from_fn(async |call: IncomingCall, next: Next| {
//!         if call.metadata().text("tenant").is_none() {
//!             return Err(Status::new(Code::Unauthorized).message("whose call is it?"));
//!         }
//!         next.run(call).await
//!     }))
//!     .build()?
//!     .start_in_memory()
//!     .await?;
//! let peer = server.handle().peer()?;
//! assert_eq!(sum::call(&peer, 1, 2).await.unwrap_err().code, Code::Unauthorized);
//! assert_eq!(sum::call(&peer, 1, 2).metadata("tenant", "ada & sons").await?, 3);
//! # Ok(())
//! # }
//! ```

mod desk;
mod exchange;
mod incoming;
mod invocation;
mod meter;
mod outgoing;
#[cfg(feature = "rate-limit")]
mod rate_limited;
mod reply;
mod with;

pub(super) use self::exchange::{Exchange, Step};
pub use self::incoming::IncomingCall;
pub(super) use self::invocation::around;
#[cfg(feature = "metrics")]
pub(crate) use self::meter::Meter;
pub(crate) use self::meter::Meters;
pub use self::outgoing::OutgoingCall;
pub use self::reply::Reply;
#[doc(hidden)]
pub use self::with::Layers;
pub use self::with::With;
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub use crate::handler::middleware::RateLimited;
pub use crate::handler::middleware::{
    AccessLog, ConcurrencyLimit, Extension, FromFn, LoadShed, Middleware, Outcome, Passing, Timeout, from_fn,
};
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use crate::handler::middleware::{Layered, NextService};

/// What comes after a middleware of incoming calls; of outgoing ones as `Next<OutgoingCall>`.
pub type Next<Q = IncomingCall> = crate::handler::middleware::Next<Q>;
