use std::time::Duration;

use tokio::time::Instant;

/// How many frames that cost the other side next to nothing it may send (protocol V3, "Budgets"): a bucket of tokens
/// that fills up again with time.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: u32,
    most: u32,
    /// How many come back each second.
    rate: u32,
    /// When the bucket was filled last. The clock is read only when it runs empty.
    filled: Instant,
}

/// After so long any bucket is full.
const LONGEST: Duration = Duration::from_secs(3600);

impl Budget {
    /// `most` at once, and as many again each second.
    pub(crate) fn new(most: u32, now: Instant) -> Self {
        Self::refilling(most, most, now)
    }

    /// `most` at once, and `rate` more each second.
    pub(crate) fn refilling(most: u32, rate: u32, now: Instant) -> Self {
        Self { tokens: most, most, rate, filled: now }
    }

    /// Takes one token; false if there is none.
    #[must_use]
    pub(crate) fn spend(&mut self) -> bool {
        if self.tokens == 0 {
            self.fill(Instant::now());
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    /// Puts one token back: what it was spent for has turned out to be honest work.
    pub(crate) fn refund(&mut self) {
        self.tokens = (self.tokens + 1).min(self.most);
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).min(LONGEST);
        let tokens = passed.as_micros() as u64 * u64::from(self.rate) / 1_000_000;
        if tokens > 0 {
            self.tokens = (u64::from(self.tokens) + tokens).min(self.most.into()) as u32;
            self.filled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_fills_up_with_time() {
        let mut budget = Budget::new(10, Instant::now());
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 5);
        budget.refund();
        assert!(budget.spend() && !budget.spend());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10, "no more than its size");
    }
}
