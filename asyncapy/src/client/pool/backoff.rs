use std::time::Duration;

use super::FOR_EVER;
use super::random::Random;
use crate::error::{Error, Result};

/// How long a client waits before it tries again to reach a server.
///
/// The ceiling grows from [`base`](Self::base) by [`factor`](Self::factor) with each failure in a row, up to
/// [`max`](Self::max); the wait is anything from nothing up to it, all alike likely (full jitter), so that a thousand
/// clients which lost a server together do not come back together. A connection that has held for
/// [`healthy_after`](Self::healthy_after) begins anew; one that breaks sooner goes on where it was, so that a server
/// which accepts and hangs up is not hammered.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::client::Backoff;
///
/// let backoff = Backoff::default().base(Duration::from_millis(50)).max(Duration::from_secs(2));
/// assert_eq!(backoff.ceiling(0), Duration::from_millis(50));
/// assert_eq!(backoff.ceiling(3), Duration::from_millis(400));
/// assert_eq!(backoff.ceiling(30), Duration::from_secs(2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    base: Duration,
    factor: f64,
    max: Duration,
    healthy_after: Duration,
}

impl Default for Backoff {
    /// 100 ms, doubled up to 10 s; healthy after 10 s.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            factor: 2.0,
            max: Duration::from_secs(10),
            healthy_after: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The ceiling of the first wait, 100 ms by default.
    #[must_use]
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// By what the ceiling grows with each failure in a row, 2 by default; 1 or more.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The highest ceiling, 10 s by default.
    #[must_use]
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max.min(FOR_EVER);
        self
    }

    /// How long a connection must hold until the next failure counts as the first again, 10 s by default.
    #[must_use]
    pub fn healthy_after(mut self, time: Duration) -> Self {
        self.healthy_after = time;
        self
    }

    /// The most that is waited after `failures` earlier failures in a row.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let growth = self.factor.powi(i32::try_from(failures).unwrap_or(i32::MAX));
        let most = self.max.as_secs_f64();
        // Both bounds are finite, whatever the growth has become.
        Duration::from_secs_f64((self.base.as_secs_f64() * growth).clamp(0.0, most))
    }

    /// # Errors
    /// [`Error::Config`] names the setting that is none.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Config(format!("backoff: {what}")));
        if !self.factor.is_finite() || self.factor < 1.0 {
            return wrong("factor must be a number from 1 up");
        }
        if self.base.is_zero() {
            return wrong("base must be more than nothing: the client would try without a pause");
        }
        if self.max < self.base {
            return wrong("max must not be below base");
        }
        Ok(())
    }
}

/// How often a server could not be reached in a row.
#[derive(Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// What to wait after one more failure. `held` is how long the connection before it has held, nothing if there was
    /// none.
    pub(super) fn pause(&mut self, backoff: &Backoff, held: Duration, random: &Random) -> Duration {
        if held >= backoff.healthy_after {
            self.0 = 0;
        }
        let ceiling = backoff.ceiling(self.0);
        self.0 = self.0.saturating_add(1);
        ceiling.mul_f64(random.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    #[test]
    fn the_ceiling_grows_and_stops() {
        let backoff = Backoff::default();
        let ceilings: Vec<_> = (0..9).map(|failures| backoff.ceiling(failures).as_millis()).collect();
        assert_eq!(ceilings, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(backoff.ceiling(u32::MAX), Duration::from_secs(10));
    }

    #[test]
    fn waits_are_spread_up_to_the_ceiling() {
        let (backoff, random) = (Backoff::default(), Random::seeded(3));
        for failures in 0..10 {
            let waits: Vec<_> =
                (0..1000).map(|_| Failures(failures).pause(&backoff, NONE, &random)).collect();
            let ceiling = backoff.ceiling(failures);
            assert!(waits.iter().all(|wait| *wait < ceiling));
            let mean = waits.iter().sum::<Duration>() / 1000;
            assert!(mean > ceiling.mul_f64(0.45) && mean < ceiling.mul_f64(0.55), "{mean:?} of {ceiling:?}");
        }
    }

    #[test]
    fn a_connection_that_has_held_begins_anew() {
        let (backoff, random) = (Backoff::default(), Random::seeded(3));
        let mut failures = Failures::default();
        for _ in 0..5 {
            failures.pause(&backoff, NONE, &random);
        }
        assert_eq!(failures.0, 5);
        failures.pause(&backoff, Duration::from_secs(9), &random);
        assert_eq!(failures.0, 6, "it had not held long enough");
        assert!(failures.pause(&backoff, Duration::from_secs(10), &random) < Duration::from_millis(100));
        assert_eq!(failures.0, 1);
    }

    #[test]
    fn says_what_is_wrong() {
        for (backoff, what) in [
            (Backoff::default().factor(0.5), "factor"),
            (Backoff::default().factor(f64::NAN), "factor"),
            (Backoff::default().base(NONE), "base"),
            (Backoff::default().max(Duration::from_millis(1)), "max"),
        ] {
            let error = backoff.check().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(Backoff::default().check().is_ok());
    }
}
