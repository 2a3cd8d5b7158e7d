use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that need not be secret: for jitter and for choices. Many threads may draw at once without waiting.
#[derive(Debug)]
pub(super) struct Random(AtomicU64);

impl Random {
    /// The same numbers for the same seed.
    pub(super) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Other numbers in each process, so that clients which lose a server at the same moment do not return in step.
    pub(super) fn from_system() -> Self {
        Self::seeded(RandomState::new().hash_one(0))
    }

    /// The next number: a step of the golden ratio, mixed (the generator known as splitmix64).
    pub(super) fn draw(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, each as likely as the others; 0 if `limit` is 0.
    pub(super) fn below(&self, limit: u64) -> u64 {
        let scaled = u128::from(self.draw()) * u128::from(limit);
        u64::try_from(scaled >> 64).unwrap_or(0)
    }

    /// A number from 0 up to, but not including, 1.
    pub(super) fn unit(&self) -> f64 {
        const BITS: u32 = 53;
        #[allow(clippy::cast_precision_loss, reason = "53 bits are what a f64 holds")]
        let fraction = (self.draw() >> (64 - BITS)) as f64;
        fraction / (1_u64 << BITS) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let (one, other) = (Random::seeded(7), Random::seeded(7));
        assert!((0..100).all(|_| one.draw() == other.draw()));
        assert_ne!(Random::seeded(7).draw(), Random::seeded(8).draw());
        assert_ne!(Random::from_system().draw(), Random::from_system().draw());
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let random = Random::seeded(1);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[usize::try_from(random.below(7)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert_eq!(random.below(0), 0);
    }
}
