use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Middleware, Next, Outcome, Passing};
use crate::error::{Code, Rejection};

/// Lets no more than so many through at once; a few more wait for a moment. `ERR_OVERLOADED` for the rest.
///
/// By itself it is for all that pass through it; clones share the limit. A stream that we serve counts to its end.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::Server;
/// use asyncapy::rpc::middleware::ConcurrencyLimit;
///
/// let builder = Server::builder()
///     .middleware_for("reports.", ConcurrencyLimit::new(4).waiting(16, Duration::from_secs(1)));
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    shared: Arc<Shared>,
    waiting: usize,
    time: Duration,
}

#[derive(Debug)]
struct Shared {
    permits: Semaphore,
    /// How many wait for one.
    waiting: AtomicUsize,
}

/// How many may wait if nothing else is said.
const WAITING: usize = 1_024;

/// How long if nothing else is said.
const TIME: Duration = Duration::from_millis(500);

impl ConcurrencyLimit {
    /// So many at once; 1,024 more may wait for half a second.
    pub fn new(at_once: usize) -> Self {
        let permits = Semaphore::new(at_once.min(Semaphore::MAX_PERMITS));
        Self {
            shared: Arc::new(Shared { permits, waiting: AtomicUsize::new(0) }),
            waiting: WAITING,
            time: TIME,
        }
    }

    /// So many more may wait, each no longer than `time`.
    #[must_use]
    pub fn waiting(self, most: usize, time: Duration) -> Self {
        Self { waiting: most, time, ..self }
    }
}

/// One who waits, and does so no longer when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<Q: Passing> Middleware<Q> for ConcurrencyLimit {
    async fn handle(&self, request: Q, next: Next<Q>) -> Outcome<Q> {
        let Shared { permits, waiting } = &*self.shared;
        let permit = match permits.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let before = waiting.fetch_add(1, Ordering::Relaxed);
                let _waits = Waiting(waiting);
                if before < self.waiting {
                    tokio::time::timeout(self.time, permits.acquire()).await.ok().and_then(Result::ok)
                } else {
                    None
                }
            }
        };
        let Some(_permit) = permit else {
            return Err(Rejection::new(Code::Overloaded).message("too many at once").into());
        };
        next.run(request).await
    }
}
