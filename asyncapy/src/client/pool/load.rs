use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What the balancing knows of a server. It stays with the server, whoever else comes and goes.
#[derive(Debug)]
pub(super) struct Load {
    /// How much of the load it is to get, in relation to the others; 1 or more.
    weight: AtomicU32,
    /// Calls under way.
    in_flight: AtomicU32,
    /// The answers' latency in nanoseconds, smoothed; 0 before the first answer. A [`f64`]'s bits.
    latency: AtomicU64,
    /// When it was measured last, in nanoseconds since the pool began.
    measured: AtomicU64,
    /// What the round robin owes it. Changed only by who holds the round robin's lock.
    pub(super) owed: AtomicI64,
}

/// The time in which an old latency loses three quarters of its say. One that was measured long ago fades, so that a server
/// which was slow once is tried again.
const MEMORY: Duration = Duration::from_secs(10);

/// The say of one answer that took longer than the mean, and of one that did not.
const WORSE: f64 = 0.3;
const BETTER: f64 = 0.05;

impl Load {
    pub(super) fn new(weight: u32) -> Self {
        Self {
            weight: AtomicU32::new(weight.max(1)),
            in_flight: AtomicU32::new(0),
            latency: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            owed: AtomicI64::new(0),
        }
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    pub(super) fn set_weight(&self, weight: u32) {
        self.weight.store(weight.max(1), Ordering::Relaxed);
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The same, in one order with all else that says so: for those who wait for the last call.
    pub(super) fn calls(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst) as usize
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    /// Takes in how long an answer took. `now` is the time since the pool began.
    ///
    /// A longer latency counts for more than a shorter one: a server that begins to suffer is spared early, and one answer
    /// that was late by chance does not condemn it. Two answers at the same moment may overwrite each other: it is a mean.
    pub(super) fn measure(&self, took: Duration, now: Duration) {
        let took = took.as_secs_f64() * 1e9;
        let old = f64::from_bits(self.latency.load(Ordering::Relaxed));
        let weight = if took > old { WORSE } else { BETTER };
        // What is old counts the less, however few the answers are.
        let weight = weight.max(1.0 - self.fading(now));
        let smoothed = if old > 0.0 { old + (took - old) * weight } else { took };
        self.latency.store(smoothed.to_bits(), Ordering::Relaxed);
        self.measured.store(nanoseconds(now), Ordering::Relaxed);
    }

    /// What one more call would cost here: calls under way, by their latency, by the weight. `usual` is the latency of
    /// a server of which nothing is known, in nanoseconds.
    pub(super) fn cost(&self, now: Duration, usual: f64) -> f64 {
        let latency = self.latency(now).unwrap_or(usual);
        (f64::from(self.in_flight()) + 1.0) * latency / f64::from(self.weight())
    }

    /// The latency in nanoseconds, if one was measured.
    pub(super) fn latency(&self, now: Duration) -> Option<f64> {
        let latency = f64::from_bits(self.latency.load(Ordering::Relaxed));
        (latency > 0.0).then(|| latency * self.fading(now))
    }

    /// What an old measurement still counts: 1 now, towards 0 with time.
    fn fading(&self, now: Duration) -> f64 {
        let since = nanoseconds(now).saturating_sub(self.measured.load(Ordering::Relaxed));
        let ages = 1.0 + Duration::from_nanos(since).as_secs_f64() / MEMORY.as_secs_f64();
        // Cheaper than an exponential, and as good.
        1.0 / (ages * ages)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn latency(load: &Load, now: Duration) -> Duration {
        Duration::from_secs_f64(load.latency(now).unwrap() / 1e9)
    }

    #[test]
    fn a_longer_latency_counts_for_more_than_a_shorter_one() {
        let load = Load::new(1);
        assert_eq!(load.latency(SECOND), None);
        load.measure(10 * MS, SECOND);
        load.measure(110 * MS, SECOND);
        assert_eq!(latency(&load, SECOND), 40 * MS, "one late answer");
        (0..10).for_each(|_| load.measure(110 * MS, SECOND));
        assert!(latency(&load, SECOND) > 105 * MS, "many");
        (0..10).for_each(|_| load.measure(10 * MS, SECOND));
        assert!(latency(&load, SECOND) > 60 * MS, "not yet forgotten");
        (0..100).for_each(|_| load.measure(10 * MS, SECOND));
        assert!(latency(&load, SECOND) < 11 * MS);
    }

    #[test]
    fn what_was_measured_long_ago_fades() {
        let load = Load::new(1);
        load.measure(100 * MS, SECOND);
        assert!(latency(&load, 11 * SECOND) < 40 * MS);
        assert!(latency(&load, 121 * SECOND) < MS);
    }

    #[test]
    fn a_call_costs_more_where_there_are_many_and_less_by_weight() {
        let (light, heavy) = (Load::new(1), Load::new(4));
        (0..3).for_each(|_| heavy.enter());
        assert!((light.cost(SECOND, 1.0) - heavy.cost(SECOND, 1.0)).abs() < f64::EPSILON);
        heavy.leave();
        assert!(light.cost(SECOND, 1.0) > heavy.cost(SECOND, 1.0));
        light.set_weight(0);
        assert_eq!(light.weight(), 1);
    }
}
