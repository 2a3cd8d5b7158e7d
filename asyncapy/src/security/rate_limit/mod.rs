//! How often somebody may do something: a [`Rate`], kept for each key by a [`RateLimit`].

mod buckets;
mod clock;
mod rate;

use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use tokio::time::Instant;

use self::buckets::Buckets;
use self::clock::Clock;
pub use self::rate::Rate;

/// How many keys are told apart unless said otherwise.
const KEYS: usize = 65_536;
/// The least time between two cleanings, each of which looks at every key.
const CLEANING: Duration = Duration::from_secs(1);

/// A [`Rate`] for each key: an address, an API key, the name of a function.
///
/// It tells 65,536 keys apart, or as many as [`with_keys`](Self::with_keys) says. A key that has not been used for so
/// long that nothing of it counts any more is forgotten when there are more. Keys for which there is still no room share
/// one rate among them: somebody who makes up keys gains nothing, and those that are known do not notice. Time is the
/// runtime's, so that `tokio::time::pause` holds it still.
///
/// ```
/// use asyncapy::security::{Rate, RateLimit};
///
/// let limit = RateLimit::new(Rate::per_second(2)?);
/// assert!(limit.check(&"sum").is_ok() && limit.check(&"sum").is_ok());
/// let wait = limit.check(&"sum").unwrap_err();
/// assert!(wait.as_millis() <= 500, "until the next may come");
/// assert!(limit.check(&"count").is_ok(), "another key has a rate of its own");
/// # Ok::<(), asyncapy::Error>(())
/// ```
pub struct RateLimit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Buckets<K>, Clock, NoOpMiddleware<Duration>>,
    most: usize,
    /// When the keys were last looked through.
    cleaned: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// This rate for each of 65,536 keys.
    pub fn new(rate: Rate) -> Self {
        Self::with_keys(rate, KEYS)
    }

    /// This rate for each of `keys` keys; those for which there is no room share one.
    pub fn with_keys(rate: Rate, keys: usize) -> Self {
        let limiter = RateLimiter::new(rate.quota(), Buckets::new(keys), Clock::start());
        Self { limiter, most: keys, cleaned: Mutex::new(None) }
    }

    /// Counts one use of a key.
    ///
    /// # Errors
    /// How long to wait until the key may be used again; this use is not counted then.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        if self.limiter.len() >= self.most {
            self.clean();
        }
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }

    /// How many keys are told apart at the moment.
    pub fn keys(&self) -> usize {
        self.limiter.len()
    }

    fn clean(&self) {
        let now = Instant::now();
        let mut cleaned = self.cleaned.lock().unwrap_or_else(PoisonError::into_inner);
        if cleaned.is_none_or(|cleaned| now - cleaned >= CLEANING) {
            *cleaned = Some(now);
            drop(cleaned);
            self.limiter.retain_recent();
        }
    }
}

/// The keys are somebody's addresses and secrets: only their number is shown.
impl<K: Hash + Eq + Clone> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("keys", &self.keys())
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(limit: &RateLimit<u32>, key: u32) -> usize {
        (0..100).filter(|_| limit.check(&key).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_key_has_its_rate() {
        let limit = RateLimit::new(Rate::per_second(4).unwrap().burst(8).unwrap());
        assert_eq!(allowed(&limit, 1), 8);
        assert_eq!(limit.check(&1), Err(Duration::from_millis(250)));
        assert_eq!(allowed(&limit, 2), 8);
        tokio::time::advance(Duration::from_millis(750)).await;
        assert_eq!(allowed(&limit, 1), 3);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(allowed(&limit, 1), 8, "no more than the burst, however long it was still");
    }

    #[tokio::test(start_paused = true)]
    async fn keys_without_room_share_one_rate() {
        let limit = RateLimit::with_keys(Rate::per_second(2).unwrap(), 10);
        assert!((0..10).all(|key| limit.check(&key).is_ok()));
        let strangers = (100..200).filter(|key| limit.check(key).is_ok()).count();
        assert_eq!((strangers, limit.keys()), (2, 10));
        assert!(limit.check(&3).is_ok(), "those that are known do not notice");
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_count_no_more_are_forgotten() {
        let limit = RateLimit::with_keys(Rate::per_second(2).unwrap(), 100);
        for key in 0..10_000 {
            limit.check(&key).unwrap();
            tokio::time::advance(Duration::from_millis(20)).await;
            assert!(limit.keys() <= 100);
        }
    }
}
