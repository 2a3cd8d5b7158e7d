use std::time::Duration;

use tokio::time::Instant;

/// Calls of the last so many seconds: how many, and how many of them failed. Counted in tenths of that time.
#[derive(Debug)]
pub(super) struct Window {
    parts: [Count; PARTS],
    /// The part that counts now, and when it began.
    current: usize,
    since: Instant,
}

const PARTS: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    calls: u32,
    failed: u32,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self { parts: [Count::default(); PARTS], current: 0, since: now }
    }

    /// Forgets what is older than `length`.
    pub(super) fn turn(&mut self, length: Duration, now: Instant) {
        let part = (length / 10).max(Duration::from_nanos(1));
        if now.saturating_duration_since(self.since) >= length {
            *self = Self::new(now);
        }
        while now.saturating_duration_since(self.since) >= part {
            self.since += part;
            self.current = (self.current + 1) % PARTS;
            self.parts[self.current] = Count::default();
        }
    }

    pub(super) fn add(&mut self, failed: bool) {
        let part = &mut self.parts[self.current];
        part.calls = part.calls.saturating_add(1);
        part.failed = part.failed.saturating_add(u32::from(failed));
    }

    pub(super) fn calls(&self) -> u32 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.calls))
    }

    pub(super) fn failed(&self) -> u32 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_part_by_part() {
        let (start, length) = (Instant::now(), Duration::from_secs(10));
        let mut window = Window::new(start);
        for second in 0..10 {
            window.turn(length, start + Duration::from_secs(second));
            window.add(second % 2 == 0);
        }
        assert_eq!((window.calls(), window.failed()), (10, 5));
        window.turn(length, start + Duration::from_secs(12));
        assert_eq!((window.calls(), window.failed()), (7, 3));
        window.turn(length, start + Duration::from_secs(18));
        assert_eq!((window.calls(), window.failed()), (1, 0));
        window.turn(length, start + Duration::from_secs(60));
        assert_eq!((window.calls(), window.failed()), (0, 0));
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_breaks_nothing() {
        let start = Instant::now() + Duration::from_secs(5);
        let mut window = Window::new(start);
        window.turn(Duration::ZERO, start - Duration::from_secs(1));
        window.add(true);
        assert_eq!(window.failed(), 1);
    }
}
