//! Middleware: code around packets and calls.
//!
//! A [`Middleware`] is given a request and what comes [`Next`]: it may look at the request and change it, pass it on, see
//! what comes of it and change that, or answer itself. An async closure is one by [`from_fn`]. The first that the builder
//! is given is the outermost; where there is none, there is no cost.
//!
//! Here is what packets and calls have in common, and what packets need; for calls see
//! [`rpc::middleware`](crate::rpc::middleware), for connections
//! [`server::guard`](crate::server::guard).
//!
//! ```
//! use asyncapy::prelude::*;
//! use asyncapy::handler::middleware::{IncomingPacket, Next, from_fn};
//!
//! #[handler(fields(name))]
//! async fn greet(#[field] name: String) -> serde_json::Value {
//!     json!({"hello": name})
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> asyncapy::Result<()> {
//! let server = Server::builder()
//!     .register(greet)
//!     .packet_middleware(from_fn(async |packet: IncomingPacket, next: Next| {
//!         if packet.packet().contains("password") {
//!             return Err(Rejection::new(Code::FieldUnknown).field("password"));
//!         }
//!         let reply = next.run(packet).await?;
//!         println!("{} packets go back", reply.packets.len());
//!         Ok(reply)
//!     }))
//!     .build()?;
//! let client = server.test_client().await?;
//! assert_eq!(client.request(json!({"name": "ada"})).await?["hello"], "ada");
//! # Ok(())
//! # }
//! ```

mod access_log;
mod call;
mod concurrency_limit;
mod extension;
mod from_fn;
mod load_shed;
mod next;
mod packet;
mod passing;
#[cfg(feature = "rate-limit")]
mod rate_limited;
mod timeout;
#[cfg(feature = "tower")]
mod tower;

pub use self::access_log::AccessLog;
pub(crate) use self::call::around;
pub use self::concurrency_limit::ConcurrencyLimit;
pub use self::extension::Extension;
pub use self::from_fn::{FromFn, from_fn};
pub use self::load_shed::LoadShed;
pub use self::next::Middleware;
pub(crate) use self::next::{AnyMiddleware, Chain, End, Running, layer};
pub use self::packet::{IncomingPacket, PacketReply};
pub(crate) use self::passing::Sealed;
pub use self::passing::{Outcome, Passing};
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub use self::rate_limited::RateLimited;
pub use self::timeout::Timeout;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::tower::{Layered, NextService};

/// What comes after a middleware of packets; of calls, with [`IncomingCall`](crate::rpc::middleware::IncomingCall) or
/// [`OutgoingCall`](crate::rpc::middleware::OutgoingCall) for `Q`.
pub type Next<Q = IncomingPacket> = next::Next<Q>;
