use std::fmt;
use std::future::Future;

use super::{Middleware, Next, Outcome, Passing};

/// Middleware made of an async function or closure; see [`from_fn`].
#[derive(Clone, Copy)]
pub struct FromFn<F>(F);

/// Makes middleware of an async function or closure that takes a request and what comes next.
///
/// The types say what it is for: [`IncomingPacket`](super::IncomingPacket),
/// [`IncomingCall`](crate::rpc::middleware::IncomingCall), [`OutgoingCall`](crate::rpc::middleware::OutgoingCall). What it
/// keeps, it moves into each future: `move |call: IncomingCall, next: Next| { let kept = kept.clone(); async move { .. } }`.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::middleware::{IncomingCall, Next, from_fn};
///
/// let unhurried = from_fn(async |call: IncomingCall, next: Next| {
///     tokio::time::sleep(std::time::Duration::from_millis(1)).await;
///     next.run(call).await
/// });
/// # asyncapy::Server::builder().middleware(unhurried);
/// ```
pub fn from_fn<Q, F, R>(function: F) -> FromFn<F>
where
    Q: Passing,
    F: Fn(Q, Next<Q>) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome<Q>> + Send,
{
    FromFn(function)
}

impl<Q, F, R> Middleware<Q> for FromFn<F>
where
    Q: Passing,
    F: Fn(Q, Next<Q>) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome<Q>> + Send,
{
    fn handle(&self, request: Q, next: Next<Q>) -> impl Future<Output = Outcome<Q>> + Send {
        (self.0)(request, next)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}
