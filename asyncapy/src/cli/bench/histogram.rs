use std::time::Duration;

/// Steps between a power of two and the next: a time is told with an error of 1.6 % at most.
const STEPS: usize = 64;
/// Below this many nanoseconds each has a bucket of its own; it is 2 * `STEPS`.
const EXACT: u64 = 128;
/// The exponent of `EXACT`.
const FIRST: u32 = 7;
/// Up to `u64::MAX` nanoseconds.
const BUCKETS: usize = EXACT as usize + (64 - FIRST as usize) * STEPS;

/// How often which time was taken, in buckets whose width grows with the time.
#[derive(Clone)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, longest: 0 }
    }

    pub(super) fn record(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.longest = self.longest.max(nanoseconds);
    }

    pub(super) fn merge(&mut self, other: &Histogram) {
        for (mine, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += others;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The time that this share of all took at most, such as 0.99; zero if there is none.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut passed = 0;
        let found = self.buckets.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        Duration::from_nanos(found.map_or(0, |bucket| upper(bucket).min(self.longest)))
    }

    pub(super) fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }
}

fn bucket(nanoseconds: u64) -> usize {
    if nanoseconds < EXACT {
        return nanoseconds as usize;
    }
    let exponent = nanoseconds.ilog2();
    // The leading bits, from STEPS to 2 * STEPS - 1.
    let leading = (nanoseconds >> (exponent - FIRST + 1)) as usize;
    EXACT as usize + (exponent - FIRST) as usize * STEPS + leading - STEPS
}

/// The greatest time of a bucket.
fn upper(bucket: usize) -> u64 {
    let Some(above) = bucket.checked_sub(EXACT as usize) else { return bucket as u64 };
    let shift = (above / STEPS) as u32 + 1;
    let leading = (above % STEPS + STEPS) as u64;
    (leading << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_within_two_percent() {
        for power in 0..64 {
            for time in [1_u64 << power, (1 << power) + (1 << power) / 3, (1 << power) - 1] {
                let told = upper(bucket(time));
                assert!(told >= time && told - time <= time / 60, "{time}: {told}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(upper(BUCKETS - 1), u64::MAX);
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let mut even = Histogram::new();
        let mut odd = Histogram::new();
        for time in 1..=1000 {
            let half = if time % 2 == 0 { &mut even } else { &mut odd };
            half.record(Duration::from_micros(time));
        }
        even.merge(&odd);
        assert_eq!((even.count(), even.longest()), (1000, Duration::from_millis(1)));
        for (share, micros) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (0.999, 999.0), (0.0, 1.0)] {
            let told = even.quantile(share).as_secs_f64() * 1e6;
            assert!(told >= micros && told < micros * 1.02, "{share}: {told}");
        }
        assert_eq!(even.quantile(1.0), Duration::from_millis(1));
        assert_eq!(Histogram::new().quantile(0.5), Duration::ZERO);
    }
}
