use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Outcome, Passing};

/// Code around packets or calls; see [`from_fn`](super::from_fn) for an async closure.
///
/// ```
/// use asyncapy::handler::middleware::{Middleware, Next, Outcome, Passing};
///
/// /// Tells how long each request takes, of whatever kind it is.
/// struct Stopwatch;
///
/// impl<Q: Passing> Middleware<Q> for Stopwatch {
///     async fn handle(&self, request: Q, next: Next<Q>) -> Outcome<Q> {
///         let begun = std::time::Instant::now();
///         let outcome = next.run(request).await;
///         println!("{:?}", begun.elapsed());
///         outcome
///     }
/// }
/// # use asyncapy::handler::middleware::IncomingPacket;
/// # fn is_middleware<M: Middleware<IncomingPacket>>(_: M) {}
/// # is_middleware(Stopwatch);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no middleware for `{Q}`",
    note = "an async closure is one by `from_fn(async |request: {Q}, next: Next<{Q}>| ..)`"
)]
pub trait Middleware<Q: Passing>: Send + Sync + 'static {
    /// Handles a request: by `next.run(request)`, or in its place.
    ///
    /// Its future is dropped where it waits when the request is given up: by a deadline, or by who has sent it. A panic
    /// costs this one request.
    ///
    /// # Errors
    /// Why the request has no reply.
    fn handle(&self, request: Q, next: Next<Q>) -> impl Future<Output = Outcome<Q>> + Send;
}

/// Middleware that somebody keeps, to look at it or to change it while the server runs.
impl<Q: Passing, M: Middleware<Q>> Middleware<Q> for Arc<M> {
    fn handle(&self, request: Q, next: Next<Q>) -> impl Future<Output = Outcome<Q>> + Send {
        M::handle(self, request, next)
    }
}

/// A request on its way through what comes next.
pub(crate) type Running<Q> = Pin<Box<dyn Future<Output = Outcome<Q>> + Send>>;

/// Middleware whose type is forgotten.
pub(crate) trait AnyMiddleware<Q: Passing>: Send + Sync {
    fn run(self: Arc<Self>, request: Q, next: Next<Q>) -> Running<Q>;
}

impl<Q: Passing, M: Middleware<Q>> AnyMiddleware<Q> for M {
    fn run(self: Arc<Self>, request: Q, next: Next<Q>) -> Running<Q> {
        Box::pin(async move { self.handle(request, next).await })
    }
}

/// What stands around something, the outermost first.
pub(crate) type Chain<Q> = Arc<[Arc<dyn AnyMiddleware<Q>>]>;

/// One more layer, whose type is forgotten.
pub(crate) fn layer<Q: Passing>(middleware: impl Middleware<Q>) -> Arc<dyn AnyMiddleware<Q>> {
    Arc::new(middleware)
}

/// What stands at the end of a chain: the handler, the function, the way out.
pub(crate) trait End<Q: Passing>: Send {
    fn run(self: Box<Self>, request: Q) -> Running<Q>;
}

/// What comes after a middleware: the next one, and at last the handler or the function.
pub struct Next<Q: Passing> {
    chain: Chain<Q>,
    at: usize,
    end: Box<dyn End<Q>>,
}

impl<Q: Passing> Next<Q> {
    pub(crate) fn new(chain: Chain<Q>, end: Box<dyn End<Q>>) -> Self {
        Self { chain, at: 0, end }
    }

    /// Passes the request on, and gives what comes of it. Nothing happens before it is awaited; dropped, it gives the
    /// request up.
    pub fn run(self, request: Q) -> impl Future<Output = Outcome<Q>> + Send + 'static {
        self.begin(request)
    }

    pub(crate) fn begin(mut self, request: Q) -> Running<Q> {
        match self.chain.get(self.at).cloned() {
            Some(middleware) => {
                self.at += 1;
                middleware.run(request, self)
            }
            None => self.end.run(request),
        }
    }
}

impl<Q: Passing> fmt::Debug for Next<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("left", &(self.chain.len() - self.at)).finish()
    }
}
