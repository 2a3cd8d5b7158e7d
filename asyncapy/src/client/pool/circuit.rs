use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Breaker;
use super::window::Window;

/// How a call went, as far as the server is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server answered, be it with an error of the application.
    Answered,
    /// Unavailable, timed out or overloaded.
    Failed,
    /// Nothing is known: the caller has lost interest.
    Unknown,
}

/// What a circuit became by the last outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

/// Leave to make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// The circuit was closed.
    Free,
    /// One of the probes of this half-open time; outcomes of an earlier one say nothing of it.
    Probe(u64),
}

/// A breaker's state: for a server, or for one function of a server.
///
/// As long as nothing fails, a call costs it two loads and no clock: what went well before the first failure is not
/// counted.
#[derive(Debug)]
pub(super) struct Circuit {
    /// A [`Stage`], to be seen without the lock. Written under it.
    stage: AtomicU8,
    state: Mutex<State>,
}

/// The order is that of the atomic's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Closed, and nothing has failed within the window.
    Quiet,
    /// Closed, and calls are counted.
    Watching,
    Open,
    HalfOpen,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    window: Window,
    /// Failures in a row.
    consecutive: u32,
    /// When an open circuit becomes half open, and a half-open one that has heard nothing of its probes sends others.
    until: Instant,
    /// Which half-open time it is.
    round: u64,
    /// Probes under way and probes answered, in this half-open time.
    probing: u32,
    answered: u32,
}

impl Circuit {
    pub(super) fn new(now: Instant) -> Self {
        let state = State {
            stage: Stage::Quiet,
            window: Window::new(now),
            consecutive: 0,
            until: now,
            round: 0,
            probing: 0,
            answered: 0,
        };
        Self { stage: AtomicU8::new(Stage::Quiet as u8), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is whole by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_at(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Acquire) == stage as u8
    }

    /// Whether nothing has failed of late.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_at(Stage::Quiet)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage.load(Ordering::Acquire) <= Stage::Watching as u8
    }

    /// Whether a call might go through now.
    pub(super) fn is_ready(&self, breaker: &Breaker, now: impl FnOnce() -> Instant) -> bool {
        if self.is_closed() {
            return true;
        }
        let state = self.state();
        match state.stage {
            Stage::Quiet | Stage::Watching => true,
            Stage::Open => now() >= state.until,
            Stage::HalfOpen => state.has_room(breaker) || now() >= state.until,
        }
    }

    /// Leave for a call, or none. What it is given for must come back to [`record`](Self::record).
    pub(super) fn admit(&self, breaker: &Breaker, now: impl FnOnce() -> Instant) -> Option<Pass> {
        if self.is_closed() {
            return Some(Pass::Free);
        }
        let mut state = self.state();
        let now = now();
        // A probe may be a stream that gives nothing for hours: then others tell.
        let stuck = state.stage == Stage::HalfOpen && !state.has_room(breaker);
        if (state.stage == Stage::Open || stuck) && now >= state.until {
            state.round += 1;
            (state.probing, state.answered) = (0, 0);
            state.until = now + breaker.pause;
            self.enter(&mut state, Stage::HalfOpen);
        }
        match state.stage {
            Stage::Quiet | Stage::Watching => Some(Pass::Free),
            Stage::HalfOpen if state.has_room(breaker) => {
                state.probing += 1;
                Some(Pass::Probe(state.round))
            }
            Stage::Open | Stage::HalfOpen => None,
        }
    }

    /// Counts how a call went.
    pub(super) fn record(
        &self,
        breaker: &Breaker,
        pass: Pass,
        outcome: Outcome,
        now: impl FnOnce() -> Instant,
    ) -> Option<Change> {
        if pass == Pass::Free
            && (outcome == Outcome::Unknown || outcome == Outcome::Answered && self.is_quiet())
        {
            return None;
        }
        let now = now();
        let mut state = self.state();
        match (state.stage, pass) {
            (Stage::Quiet | Stage::Watching, Pass::Free) => self.count(&mut state, breaker, outcome, now),
            (Stage::HalfOpen, Pass::Probe(round)) if round == state.round => {
                self.probed(&mut state, breaker, outcome, now)
            }
            // A call from before the last change: what it tells is known.
            _ => None,
        }
    }

    fn count(&self, state: &mut State, breaker: &Breaker, outcome: Outcome, now: Instant) -> Option<Change> {
        state.window.turn(breaker.window, now);
        if state.window.failed() == 0 {
            // What has left the window does not count as being in a row either.
            state.consecutive = 0;
        }
        state.window.add(outcome == Outcome::Failed);
        if outcome == Outcome::Answered {
            state.consecutive = 0;
            if state.window.failed() == 0 {
                state.window = Window::new(now);
                self.enter(state, Stage::Quiet);
            }
            return None;
        }
        state.consecutive += 1;
        let (calls, failed) = (state.window.calls(), state.window.failed());
        let too_many = calls >= breaker.min_calls && f64::from(failed) >= breaker.ratio * f64::from(calls);
        if state.consecutive >= breaker.consecutive || too_many {
            return Some(self.open(state, breaker, now));
        }
        self.enter(state, Stage::Watching);
        None
    }

    fn probed(&self, state: &mut State, breaker: &Breaker, outcome: Outcome, now: Instant) -> Option<Change> {
        state.probing -= 1;
        match outcome {
            Outcome::Unknown => None,
            Outcome::Failed => Some(self.open(state, breaker, now)),
            Outcome::Answered => {
                state.answered += 1;
                if state.answered < breaker.probes {
                    return None;
                }
                state.window = Window::new(now);
                state.consecutive = 0;
                self.enter(state, Stage::Quiet);
                Some(Change::Closed)
            }
        }
    }

    fn open(&self, state: &mut State, breaker: &Breaker, now: Instant) -> Change {
        state.until = now + breaker.pause;
        self.enter(state, Stage::Open);
        Change::Opened
    }

    fn enter(&self, state: &mut State, stage: Stage) {
        state.stage = stage;
        self.stage.store(stage as u8, Ordering::Release);
    }
}

impl State {
    fn has_room(&self, breaker: &Breaker) -> bool {
        self.probing + self.answered < breaker.probes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A circuit and a clock of its own.
    struct Bench {
        circuit: Circuit,
        breaker: Breaker,
        now: Instant,
    }

    impl Bench {
        fn new(breaker: Breaker) -> Self {
            let now = Instant::now();
            Self { circuit: Circuit::new(now), breaker, now }
        }

        fn admit(&self) -> Option<Pass> {
            let ready = self.circuit.is_ready(&self.breaker, || self.now);
            let pass = self.circuit.admit(&self.breaker, || self.now);
            assert_eq!(ready, pass.is_some());
            pass
        }

        fn record(&self, pass: Pass, outcome: Outcome) -> Option<Change> {
            self.circuit.record(&self.breaker, pass, outcome, || self.now)
        }

        fn call(&self, outcome: Outcome) -> Option<Change> {
            self.record(self.admit().expect("it lets calls through"), outcome)
        }
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let bench = Bench::new(Breaker::default().consecutive(3));
        for outcome in [Outcome::Failed, Outcome::Failed, Outcome::Answered, Outcome::Failed, Outcome::Failed]
        {
            assert_eq!(bench.call(outcome), None);
        }
        assert_eq!(bench.call(Outcome::Unknown), None, "a caller that goes says nothing");
        assert_eq!(bench.call(Outcome::Failed), Some(Change::Opened));
        assert_eq!(bench.admit(), None);
    }

    #[test]
    fn failures_long_ago_are_not_in_a_row() {
        let mut bench = Bench::new(Breaker::default().consecutive(3));
        for _ in 0..20 {
            assert_eq!(bench.call(Outcome::Failed), None);
            bench.now += 11 * SECOND;
        }
    }

    #[test]
    fn a_part_of_the_calls_opens_it_once_there_are_enough() {
        let bench = Bench::new(Breaker::default().consecutive(100).min_calls(10).ratio(0.3));
        for call in 0..9 {
            let outcome = if call % 3 == 0 { Outcome::Failed } else { Outcome::Answered };
            assert_eq!(bench.call(outcome), None, "too few to tell");
        }
        assert_eq!(bench.call(Outcome::Failed), Some(Change::Opened));
    }

    #[test]
    fn what_has_left_the_window_counts_no_more() {
        let mut bench = Bench::new(Breaker::default().consecutive(100).min_calls(10).ratio(0.5));
        (0..9).for_each(|_| assert_eq!(bench.call(Outcome::Failed), None));
        bench.now += 12 * SECOND;
        assert_eq!(bench.call(Outcome::Failed), None, "the nine are gone");
        bench.now += 12 * SECOND;
        assert!(!bench.circuit.is_quiet());
        assert_eq!(bench.call(Outcome::Answered), None);
        assert!(bench.circuit.is_quiet(), "nothing failed within the window");
    }

    #[test]
    fn probes_close_it_again() {
        let mut bench = Bench::new(Breaker::default().consecutive(1).probes(2));
        assert_eq!(bench.call(Outcome::Failed), Some(Change::Opened));
        bench.now += 4 * SECOND;
        assert_eq!(bench.admit(), None);
        bench.now += SECOND;
        let probes = [bench.admit().unwrap(), bench.admit().unwrap()];
        assert_eq!(bench.admit(), None, "only the probes go through");
        assert_eq!(bench.record(probes[0], Outcome::Answered), None);
        assert_eq!(bench.admit(), None);
        assert_eq!(bench.record(probes[1], Outcome::Answered), Some(Change::Closed));
        assert_eq!(bench.admit(), Some(Pass::Free));
    }

    #[test]
    fn a_probe_that_fails_opens_it_again() {
        let mut bench = Bench::new(Breaker::default().consecutive(1).probes(2));
        bench.call(Outcome::Failed);
        bench.now += 5 * SECOND;
        let (first, second) = (bench.admit().unwrap(), bench.admit().unwrap());
        assert_eq!(bench.record(first, Outcome::Failed), Some(Change::Opened));
        assert_eq!(bench.admit(), None);
        bench.now += 5 * SECOND;
        let third = bench.admit().unwrap();
        assert_eq!(bench.record(second, Outcome::Failed), None, "it is of the time before");
        assert_eq!(bench.record(third, Outcome::Unknown), None);
        assert!(bench.admit().is_some(), "its place is free again");
    }

    #[test]
    fn probes_of_which_nothing_is_heard_give_way_to_others() {
        let mut bench = Bench::new(Breaker::default().consecutive(1).probes(2));
        bench.call(Outcome::Failed);
        bench.now += 5 * SECOND;
        let silent = [bench.admit().unwrap(), bench.admit().unwrap()];
        bench.now += 4 * SECOND;
        assert_eq!(bench.admit(), None);
        bench.now += SECOND;
        let others = [bench.admit().unwrap(), bench.admit().unwrap()];
        assert_eq!(bench.admit(), None, "no more than two at once");
        assert_eq!(bench.record(silent[0], Outcome::Failed), None, "it is of the time before");
        assert_eq!(bench.record(others[0], Outcome::Answered), None);
        assert_eq!(bench.record(silent[1], Outcome::Answered), None);
        assert_eq!(bench.record(others[1], Outcome::Answered), Some(Change::Closed));
    }

    #[test]
    fn calls_from_before_it_opened_do_not_open_it_again() {
        let mut bench = Bench::new(Breaker::default().consecutive(1).probes(1));
        let late = bench.admit().unwrap();
        bench.call(Outcome::Failed);
        bench.now += 5 * SECOND;
        let probe = bench.admit().unwrap();
        assert_eq!(bench.record(late, Outcome::Failed), None);
        assert_eq!(bench.record(probe, Outcome::Answered), Some(Change::Closed));
    }
}
