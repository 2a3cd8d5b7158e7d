use std::time::Duration;

use super::{Middleware, Next, Outcome, Passing};
use crate::error::{Code, Rejection};

/// Gives up what takes longer than a time: `ERR_HANDLER_TIMED_OUT`, or `ERR_DEADLINE_EXCEEDED` for a call that we make.
///
/// It counts what stands further in: handlers, functions, other middleware. For a stream that we open it counts the
/// opening, for one that we serve all of it.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::Server;
/// use asyncapy::handler::middleware::Timeout;
///
/// let builder = Server::builder()
///     .packet_middleware(Timeout::new(Duration::from_secs(2)))
///     .middleware_for("reports.", Timeout::new(Duration::from_secs(20)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    /// Waits no longer than this.
    pub const fn new(time: Duration) -> Self {
        Self(time)
    }
}

impl<Q: Passing> Middleware<Q> for Timeout {
    async fn handle(&self, request: Q, next: Next<Q>) -> Outcome<Q> {
        let late = if request.client().is_some() { Code::HandlerTimedOut } else { Code::DeadlineExceeded };
        match tokio::time::timeout(self.0, next.run(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Rejection::new(late).into()),
        }
    }
}
