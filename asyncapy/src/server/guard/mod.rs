//! Who may connect: middleware that sees each connection before its session begins.
//!
//! A [`Guard`] is given what is known of an [`Incoming`] connection and lets it in, or answers with a [`Refusal`]: a code
//! and a sentence that the client reads before it is closed, and perhaps a ban of its address for a time. An async closure
//! is a guard by [`from_fn`]. The builder takes several, and asks them in order until one refuses.
//!
//! Ready ones: [`AddressList`] (allowed and blocked networks), [`ConnectionLimit`], [`AddressLimit`], and `ConnectionRate`
//! (feature `rate-limit`). They come after the limits `connections`, `connections_per_address` and
//! `new_connections_per_address`, which protect every server.
//!
//! ```
//! use std::time::Duration;
//! use asyncapy::prelude::*;
//! use asyncapy::server::guard::{self, AddressList, ConnectionLimit, Incoming, Refusal};
//!
//! # #[handler]
//! # async fn echo(packet: Packet) -> Packet { packet }
//! let blocked = AddressList::blocking(["203.0.113.0/24"])?;
//! let server = Server::builder()
//!     .register(echo)
//!     .connection_guard(blocked.clone())
//!     .connection_guard(ConnectionLimit::new(10_000))
//!     .connection_guard(guard::from_fn(async |incoming: Incoming| {
//!         if incoming.connections_of_address() > 100 {
//!             let refusal = Refusal::new(Code::TooManyConnections).message("come back tomorrow");
//!             return Err(refusal.ban_for(Duration::from_secs(86_400)));
//!         }
//!         Ok(())
//!     }))
//!     .build()?;
//! blocked.block("198.51.100.7")?; // while it runs, too
//! # Ok::<(), asyncapy::Error>(())
//! ```

mod address_limit;
mod address_list;
mod bans;
mod connection_limit;
#[cfg(feature = "rate-limit")]
mod connection_rate;
mod incoming;
mod refusal;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::error;

pub use self::address_limit::AddressLimit;
pub use self::address_list::AddressList;
pub use self::bans::Ban;
pub(super) use self::bans::Bans;
pub use self::connection_limit::ConnectionLimit;
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub use self::connection_rate::ConnectionRate;
pub use self::incoming::Incoming;
pub use self::refusal::Refusal;
use super::Builder;
use super::fault::{Fault, within};
use crate::error::Code;

/// Decides which connections come in.
///
/// ```
/// use asyncapy::Code;
/// use asyncapy::server::guard::{Guard, Incoming, Refusal};
///
/// /// Lets clients of UNIX sockets in, and nobody else.
/// struct LocalOnly;
///
/// impl Guard for LocalOnly {
///     async fn admit(&self, incoming: &Incoming) -> Result<(), Refusal> {
///         match incoming.address().ip() {
///             None => Ok(()),
///             Some(_) => Err(Refusal::new(Code::Unauthorized)),
///         }
///     }
/// }
/// # asyncapy::Server::builder().connection_guard(LocalOnly);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection guard",
    note = "an async closure is one by `guard::from_fn(async |incoming: Incoming| ..)`"
)]
pub trait Guard: Send + Sync + 'static {
    /// Lets a connection in, or says why not. It may wait, for a database, say, no longer than
    /// [`Limits::hook_timeout`](super::Limits::hook_timeout): the client then reads `ERR_OVERLOADED`.
    ///
    /// # Errors
    /// Why the connection is refused.
    fn admit(&self, incoming: &Incoming) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// A guard that somebody keeps, to change it while the server runs.
impl<G: Guard> Guard for Arc<G> {
    fn admit(&self, incoming: &Incoming) -> impl Future<Output = Result<(), Refusal>> + Send {
        G::admit(self, incoming)
    }
}

/// A guard made of an async function or closure; see [`from_fn`].
#[derive(Clone, Copy)]
pub struct FromFn<F>(F);

/// Makes a guard of an async function or closure that takes an [`Incoming`] and gives `Result<(), Refusal>`.
///
/// ```
/// use asyncapy::Code;
/// use asyncapy::server::guard::{self, Incoming, Refusal};
///
/// let quiet = guard::from_fn(async |incoming: Incoming| match incoming.connections() {
///     0..1_000 => Ok(()),
///     _ => Err(Refusal::new(Code::Overloaded)),
/// });
/// # asyncapy::Server::builder().connection_guard(quiet);
/// ```
pub fn from_fn<F, R>(function: F) -> FromFn<F>
where
    F: Fn(Incoming) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Refusal>> + Send,
{
    FromFn(function)
}

impl<F, R> Guard for FromFn<F>
where
    F: Fn(Incoming) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Refusal>> + Send,
{
    async fn admit(&self, incoming: &Incoming) -> Result<(), Refusal> {
        (self.0)(incoming.clone()).await
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

/// What a guard decides, whatever its type.
type Decision<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// A guard whose type is forgotten.
trait AnyGuard: Send + Sync {
    fn decide<'a>(&'a self, incoming: &'a Incoming) -> Decision<'a>;
}

impl<G: Guard> AnyGuard for G {
    fn decide<'a>(&'a self, incoming: &'a Incoming) -> Decision<'a> {
        Box::pin(async move { self.admit(incoming).await })
    }
}

/// The guards of a server, in the order in which they are asked.
#[derive(Default)]
pub(super) struct Guards(Vec<Box<dyn AnyGuard>>);

impl Guards {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks one guard after the other, each with so much time. One that panics or takes too long lets nobody in.
    pub(super) async fn admit(&self, incoming: &Incoming, time: Duration) -> Result<(), Refusal> {
        for guard in &self.0 {
            within(time, guard.decide(incoming)).await.unwrap_or_else(|fault| {
                error!(part = "Client handler", address = %incoming.address(), %fault, "A connection guard failed");
                Err(Refusal::of_fault(&fault))
            })?;
        }
        Ok(())
    }
}

impl Refusal {
    /// What the client reads when a function that was to decide has failed: nothing internal.
    pub(super) fn of_fault(fault: &Fault) -> Self {
        Self::new(match fault {
            Fault::Panicked(_) => Code::HandlerFailed,
            Fault::TimedOut(_) => Code::Overloaded,
        })
    }
}

impl Builder {
    /// Middleware at the door: sees each connection before its session begins, and lets it in or refuses it; see
    /// [`guard`](crate::server::guard). May be called more than once: they are asked in order.
    pub fn connection_guard(mut self, guard: impl Guard) -> Self {
        self.doorkeeping.guards.0.push(Box::new(guard));
        self
    }
}
