use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use crate::error::{Error, Result};

/// So many in such a time, and how many of them at once.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::security::Rate;
///
/// let logins = Rate::new(5, Duration::from_secs(60))?; // one each 12 s, five at once after a pause
/// let calls = Rate::per_second(100)?.burst(20)?; // one each 10 ms, twenty at once
/// assert!(Rate::per_second(0).is_err());
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time after which one more is allowed.
    interval: Duration,
    burst: NonZeroU32,
}

/// What the reckoning in nanoseconds can hold, and more than anybody waits.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

impl Rate {
    /// `count` in the time `per`, and as many at once.
    ///
    /// # Errors
    /// [`Error::Config`] if the count or the time is zero, if it is more than one in a nanosecond, or if the time is
    /// longer than a century.
    pub fn new(count: u32, per: Duration) -> Result<Self> {
        let burst = some(count, "a rate")?;
        if per > LONGEST {
            return Err(Error::Config(format!(
                "a rate of {count} in {per:?}: no more than a century is reckoned"
            )));
        }
        let interval = per / count;
        if interval.is_zero() {
            return Err(Error::Config(format!(
                "a rate of {count} in {per:?} is more than one in a nanosecond"
            )));
        }
        Ok(Self { interval, burst })
    }

    /// `count` in a second, and as many at once.
    ///
    /// # Errors
    /// [`Error::Config`] if the count is zero.
    pub fn per_second(count: u32) -> Result<Self> {
        Self::new(count, Duration::from_secs(1))
    }

    /// The same rate, with so many at once after a pause.
    ///
    /// # Errors
    /// [`Error::Config`] if it is none, or so many that they take longer than a century to come back.
    pub fn burst(self, count: u32) -> Result<Self> {
        let burst = some(count, "a burst")?;
        if self.interval.checked_mul(count).is_none_or(|whole| whole > LONGEST) {
            return Err(Error::Config(format!(
                "a burst of {count}, one each {:?}: no more than a century is reckoned",
                self.interval
            )));
        }
        Ok(Self { burst, ..self })
    }

    pub(super) fn quota(self) -> Quota {
        // The interval is never zero, so that the first is what is taken.
        Quota::with_period(self.interval).unwrap_or(Quota::per_second(self.burst)).allow_burst(self.burst)
    }
}

fn some(count: u32, what: &str) -> Result<NonZeroU32> {
    NonZeroU32::new(count).ok_or_else(|| Error::Config(format!("{what} of 0 would let nothing through")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_say_what_is_wrong() {
        let wrong = |rate: Result<Rate>| rate.unwrap_err().to_string();
        assert!(wrong(Rate::per_second(0)).contains("a rate of 0 would let nothing through"));
        assert!(wrong(Rate::new(1, Duration::ZERO)).contains("more than one in a nanosecond"));
        assert!(wrong(Rate::new(1, Duration::MAX)).contains("a century"));
        let rate = Rate::new(1, Duration::from_secs(86_400)).unwrap();
        assert!(wrong(rate.burst(0)).contains("a burst of 0"));
        assert!(wrong(rate.burst(u32::MAX)).contains("a century"));
        assert!(rate.burst(7).is_ok());
    }
}
