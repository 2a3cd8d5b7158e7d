use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Middleware, Next, Outcome, Passing};
use crate::error::{Code, Rejection};

/// Answers `ERR_OVERLOADED` at once where there is too much to do, so that what is begun is finished.
///
/// Too much is: more under way than a number, or, by [`latency`](Self::latency), answers that have come to take longer
/// than a time. Clones count together.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::Server;
/// use asyncapy::rpc::middleware::LoadShed;
///
/// let shed = LoadShed::new(500).latency(Duration::from_millis(200));
/// let builder = Server::builder().middleware(shed.clone()).packet_middleware(shed);
/// ```
#[derive(Clone, Debug)]
pub struct LoadShed {
    load: Arc<Mutex<Load>>,
    in_flight: usize,
    latency: Option<Duration>,
}

#[derive(Debug, Default)]
struct Load {
    in_flight: usize,
    /// What an answer has taken of late: each counts an eighth.
    latency: Duration,
    /// When one was last let through in spite of it, to see whether it has become better.
    probed: Option<Instant>,
}

impl LoadShed {
    /// Sheds what comes when so many are under way.
    pub fn new(in_flight: usize) -> Self {
        Self { load: Arc::default(), in_flight, latency: None }
    }

    /// Sheds, too, while answers take longer than this on average. One in such a time is let through all the same: when
    /// it is answered faster, the others are let through again. What its caller gives up counts only if that took longer
    /// than the others. It is for functions that answer at once: a stream that we serve is answered when it ends.
    #[must_use]
    pub fn latency(self, limit: Duration) -> Self {
        Self { latency: Some(limit), ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Load> {
        // Nothing under this lock can panic.
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more, unless there is too much to do.
    fn enter(&self) -> Option<InFlight<'_>> {
        let now = Instant::now();
        let mut load = self.lock();
        if load.in_flight >= self.in_flight {
            return None;
        }
        let probes = self.latency.is_some_and(|limit| load.latency > limit);
        if probes {
            if load.probed.is_some_and(|probed| Some(now - probed) < self.latency) {
                return None;
            }
            load.probed = Some(now);
        }
        load.in_flight += 1;
        Some(InFlight { shed: self, begun: now, probes, answered: false })
    }
}

/// One under way; dropped, it is not any more.
struct InFlight<'a> {
    shed: &'a LoadShed,
    begun: Instant,
    /// Whether it was let through to see how long it takes.
    probes: bool,
    answered: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        let mut load = self.shed.lock();
        load.in_flight -= 1;
        if self.answered || took > load.latency {
            // What is old says nothing beside what was asked for just now.
            let old = if self.probes { took } else { load.latency };
            load.latency = old * 7 / 8 + took / 8;
        }
    }
}

impl<Q: Passing> Middleware<Q> for LoadShed {
    async fn handle(&self, request: Q, next: Next<Q>) -> Outcome<Q> {
        match self.enter() {
            Some(mut in_flight) => {
                let outcome = next.run(request).await;
                in_flight.answered = true;
                outcome
            }
            None => Err(Rejection::new(Code::Overloaded).message("too much to do").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slow_answers_shut_the_door_until_one_is_fast() {
        let shed = LoadShed::new(2).latency(Duration::from_millis(10));
        let mut two = (shed.enter().unwrap(), shed.enter().unwrap());
        assert!(shed.enter().is_none(), "two are under way");
        tokio::time::advance(Duration::from_millis(100)).await;
        two.0.answered = true;
        two.1.answered = true;
        drop(two);
        // 100 / 8 and then some: above 10 ms.
        let probe = shed.enter().unwrap();
        assert!(shed.enter().is_none(), "one was let through to see");
        drop(probe);
        assert!(shed.enter().is_none(), "given up at once, it says nothing");
        tokio::time::advance(Duration::from_millis(10)).await;
        let mut probe = shed.enter().unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
        probe.answered = true;
        drop(probe);
        assert!(shed.enter().is_some() && shed.enter().is_some(), "fast again");
    }
}
