use crate::error::{Failure, Rejection};
use crate::handler::Client;

/// Keeps the kinds of requests to those of this crate.
pub trait Sealed {}

/// What comes of a request: a reply, or why there is none.
pub type Outcome<Q> = Result<<Q as Passing>::Reply, <Q as Passing>::Failure>;

/// A request that passes through middleware: [`IncomingPacket`](super::IncomingPacket),
/// [`IncomingCall`](crate::rpc::middleware::IncomingCall) or [`OutgoingCall`](crate::rpc::middleware::OutgoingCall).
///
/// Middleware that is for all of them is written for any `Q: Passing`.
pub trait Passing: Sealed + Send + Sized + 'static {
    /// What comes of it.
    type Reply: Send + 'static;
    /// Why nothing comes of it.
    type Failure: Failure + From<Rejection> + std::error::Error + Send + Sync + 'static;

    /// The name of the handler or function that it is for.
    fn name(&self) -> &str;

    /// Who sends it; none for what we send ourselves.
    fn client(&self) -> Option<&Client>;

    /// What a tower service hands on without knowing of it.
    #[cfg(feature = "tower")]
    #[doc(hidden)]
    fn next(&mut self) -> &mut Option<super::Next<Self>>;
}
