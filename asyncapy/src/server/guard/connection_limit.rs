use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Guard, Incoming, Refusal};
use crate::error::Code;
use crate::server::limits::FOR_EVER;

/// No more than so many connections in all; once there is one too many, perhaps nobody comes in for a while.
///
/// [`Limits::connections`](crate::server::Limits::connections) limits them without a pause. `ERR_TOO_MANY_CONNECTIONS`.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use asyncapy::server::guard::ConnectionLimit;
///
/// let limit = Arc::new(ConnectionLimit::new(100).pausing(Duration::from_secs(60)));
/// # asyncapy::Server::builder().connection_guard(limit.clone());
/// limit.set(200); // while the server runs
/// ```
#[derive(Debug)]
pub struct ConnectionLimit {
    most: AtomicUsize,
    pause: Duration,
    /// Until when nobody comes in.
    closed_until: Mutex<Option<Instant>>,
}

impl ConnectionLimit {
    /// Refuses a connection when there would be more than `most` with it.
    pub fn new(most: usize) -> Self {
        Self { most: AtomicUsize::new(most), pause: Duration::ZERO, closed_until: Mutex::new(None) }
    }

    /// From the first connection too many on, refuses all for this long, even where places become free: what floods the
    /// server is left outside until it has calmed down.
    #[must_use]
    pub fn pausing(mut self, time: Duration) -> Self {
        self.pause = time.min(FOR_EVER);
        self
    }

    /// Allows so many from now on; those that are in stay.
    pub fn set(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    fn decide(&self, connections: usize) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = closed_until.is_some_and(|until| now < until);
        if !closed && connections <= self.most.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !closed {
            *closed_until = Some(now + self.pause);
        }
        Err(Refusal::new(Code::TooManyConnections))
    }
}

impl Guard for ConnectionLimit {
    async fn admit(&self, incoming: &Incoming) -> Result<(), Refusal> {
        self.decide(incoming.connections())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_too_many_closes_the_door_for_a_while() {
        let limit = ConnectionLimit::new(2).pausing(Duration::from_secs(60));
        assert!(limit.decide(2).is_ok());
        assert!(limit.decide(3).is_err());
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(limit.decide(1).is_err(), "and being refused makes it no longer");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(limit.decide(1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pause_a_free_place_is_free() {
        let limit = ConnectionLimit::new(2);
        assert!(limit.decide(3).is_err() && limit.decide(2).is_ok());
        limit.set(1);
        assert!(limit.decide(2).is_err() && limit.decide(1).is_ok());
    }
}
