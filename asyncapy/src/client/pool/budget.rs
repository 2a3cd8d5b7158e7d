use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many a second, and as many at once.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: u32,
    refilled: Instant,
}

impl Budget {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, state: Mutex::new(State { left: per_second, refilled: now }) }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let Some(each) = Duration::from_secs(1).checked_div(self.per_second) else { return false };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(state.refilled);
        let come = u32::try_from(since.as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX);
        if state.left.saturating_add(come) >= self.per_second {
            *state = State { left: self.per_second, refilled: now };
        } else {
            state.left += come;
            state.refilled += each * come;
        }
        let taken = state.left.checked_sub(1);
        state.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_so_many_a_second() {
        let start = Instant::now();
        let budget = Budget::new(4, start);
        let taken = |at: u64| {
            let now = start + Duration::from_millis(at);
            (0..10).filter(|_| budget.take(now)).count()
        };
        assert_eq!([taken(0), taken(249), taken(250), taken(760), taken(9000)], [4, 0, 1, 2, 4]);
        assert!(!Budget::new(0, start).take(start));
    }
}
