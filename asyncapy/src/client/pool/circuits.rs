use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Breaker;
use super::circuit::{Change, Circuit, Outcome, Pass};

/// So many functions of a server can have a circuit of their own at once; failures of the rest count for the server
/// alone.
const MOST_FUNCTIONS: usize = 256;

/// The circuits of a server: one for all of it, and one for each function that has failed of late.
///
/// A function comes in with its first failure and goes when it is well again, so that a healthy server costs a call no
/// look-up and the names of functions cannot fill the memory.
#[derive(Debug)]
pub(super) struct Circuits {
    server: Circuit,
    functions: Mutex<HashMap<Box<str>, Arc<Circuit>>>,
    /// How many functions there are, to be seen without the lock.
    troubled: AtomicUsize,
}

/// The settings of both kinds.
#[derive(Clone, Debug)]
pub(super) struct Breakers {
    pub(super) server: Breaker,
    pub(super) function: Breaker,
}

impl Default for Breakers {
    /// A function opens after half as many failures in a row as its server: one that always fails is set apart before it
    /// takes the others with it.
    fn default() -> Self {
        Self { server: Breaker::default(), function: Breaker::default().consecutive(5) }
    }
}

/// Leave to call a function of a server.
#[derive(Debug)]
pub(super) struct Leave {
    server: Pass,
    function: Option<(Arc<Circuit>, Pass)>,
}

impl Leave {
    fn is_probe(&self) -> bool {
        self.server != Pass::Free || self.function.as_ref().is_some_and(|(_, pass)| *pass != Pass::Free)
    }
}

/// What changed by an outcome: for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) server: Option<Change>,
    pub(super) function: Option<Change>,
}

impl Circuits {
    pub(super) fn new(now: Instant) -> Self {
        Self { server: Circuit::new(now), functions: Mutex::default(), troubled: AtomicUsize::new(0) }
    }

    /// Whether the server as a whole is not spared.
    pub(super) fn is_closed(&self) -> bool {
        self.server.is_closed()
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Circuit>>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, function: &str) -> Option<Arc<Circuit>> {
        if self.troubled.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.functions().get(function).cloned()
    }

    /// Whether a call of `function` might go through now.
    pub(super) fn is_ready(&self, breakers: &Breakers, function: &str, now: impl Fn() -> Instant) -> bool {
        self.server.is_ready(&breakers.server, &now)
            && self.of(function).is_none_or(|circuit| circuit.is_ready(&breakers.function, &now))
    }

    /// Leave for a call of `function`, or none.
    pub(super) fn admit(
        &self,
        breakers: &Breakers,
        function: &str,
        now: impl Fn() -> Instant,
    ) -> Option<Leave> {
        let server = self.server.admit(&breakers.server, &now)?;
        let function = match self.of(function) {
            None => None,
            Some(circuit) => match circuit.admit(&breakers.function, &now) {
                Some(pass) => Some((circuit, pass)),
                None => {
                    // The server's probe is not made: its place is free for a call of another function.
                    self.server.record(&breakers.server, server, Outcome::Unknown, now);
                    return None;
                }
            },
        };
        Some(Leave { server, function })
    }

    /// Counts how a call of `function` went.
    pub(super) fn record(
        &self,
        breakers: &Breakers,
        leave: &Leave,
        function: &str,
        outcome: Outcome,
        now: impl Fn() -> Instant,
    ) -> Changes {
        let server = self.server.record(&breakers.server, leave.server, outcome, &now);
        let known = match &leave.function {
            Some((circuit, pass)) => Some((circuit.clone(), *pass)),
            None if outcome == Outcome::Failed => {
                self.enter(function, now()).map(|circuit| (circuit, Pass::Free))
            }
            None => None,
        };
        let Some((circuit, pass)) = known else { return Changes { server, function: None } };
        let changed = circuit.record(&breakers.function, pass, outcome, &now);
        if outcome == Outcome::Answered && circuit.is_quiet() {
            self.leave(function, &circuit);
        }
        Changes { server, function: changed }
    }

    /// What was let through as a probe has given its first item: it counts as answered, and goes on as one like any other.
    pub(super) fn answered(
        &self,
        breakers: &Breakers,
        leave: &mut Leave,
        function: &str,
        now: impl Fn() -> Instant,
    ) -> Changes {
        if !leave.is_probe() {
            return Changes::default();
        }
        let leave = std::mem::replace(leave, Leave { server: Pass::Free, function: None });
        self.record(breakers, &leave, function, Outcome::Answered, now)
    }

    /// A call was given up: nothing is known of it.
    pub(super) fn abandon(&self, breakers: &Breakers, leave: &Leave, now: impl Fn() -> Instant) {
        self.server.record(&breakers.server, leave.server, Outcome::Unknown, &now);
        if let Some((circuit, pass)) = &leave.function {
            circuit.record(&breakers.function, *pass, Outcome::Unknown, &now);
        }
    }

    /// The circuit of a function that has failed.
    fn enter(&self, function: &str, now: Instant) -> Option<Arc<Circuit>> {
        let mut functions = self.functions();
        if let Some(circuit) = functions.get(function) {
            return Some(circuit.clone());
        }
        if functions.len() >= MOST_FUNCTIONS {
            return None;
        }
        let circuit = Arc::new(Circuit::new(now));
        functions.insert(function.into(), circuit.clone());
        self.troubled.store(functions.len(), Ordering::Release);
        Some(circuit)
    }

    /// Forgets a function that is well again.
    fn leave(&self, function: &str, circuit: &Arc<Circuit>) {
        let mut functions = self.functions();
        // Looked at again under the lock: a failure may have come between.
        if circuit.is_quiet() && functions.get(function).is_some_and(|known| Arc::ptr_eq(known, circuit)) {
            functions.remove(function);
            self.troubled.store(functions.len(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn breakers() -> Breakers {
        Breakers {
            server: Breaker::default().consecutive(4),
            function: Breaker::default().consecutive(2).probes(1),
        }
    }

    fn call(circuits: &Circuits, function: &str, outcome: Outcome, now: Instant) -> Option<Changes> {
        let breakers = breakers();
        let ready = circuits.is_ready(&breakers, function, || now);
        let leave = circuits.admit(&breakers, function, || now);
        assert_eq!(ready, leave.is_some());
        Some(circuits.record(&breakers, &leave?, function, outcome, || now))
    }

    #[test]
    fn a_function_is_set_apart_before_its_server() {
        let now = Instant::now();
        let circuits = Circuits::new(now);
        assert_eq!(call(&circuits, "slow", Outcome::Failed, now), Some(Changes::default()));
        let opened = Changes { server: None, function: Some(Change::Opened) };
        assert_eq!(call(&circuits, "slow", Outcome::Failed, now), Some(opened));
        assert_eq!(call(&circuits, "slow", Outcome::Failed, now), None);
        assert_eq!(call(&circuits, "fast", Outcome::Answered, now), Some(Changes::default()));

        let later = now + Duration::from_secs(5);
        let closed = Changes { server: None, function: Some(Change::Closed) };
        assert_eq!(call(&circuits, "slow", Outcome::Answered, later), Some(closed));
        assert_eq!(circuits.troubled.load(Ordering::Relaxed), 0, "it is forgotten");
    }

    #[test]
    fn all_functions_together_open_the_server() {
        let now = Instant::now();
        let circuits = Circuits::new(now);
        for function in ["a", "b", "c"] {
            assert_eq!(call(&circuits, function, Outcome::Failed, now), Some(Changes::default()));
        }
        let opened = Changes { server: Some(Change::Opened), function: None };
        assert_eq!(call(&circuits, "d", Outcome::Failed, now), Some(opened));
        assert_eq!(call(&circuits, "e", Outcome::Answered, now), None);
    }

    #[test]
    fn a_functions_refusal_takes_no_probe_of_the_server() {
        let now = Instant::now();
        let circuits = Circuits::new(now);
        for function in ["slow", "slow", "b", "c"] {
            call(&circuits, function, Outcome::Failed, now);
        }
        // Both are half open; the function's only probe is out and asks for nothing more of the server's two.
        let later = now + Duration::from_secs(5);
        let probe = circuits.admit(&breakers(), "slow", || later).unwrap();
        assert!(circuits.admit(&breakers(), "slow", || later).is_none());
        let other = circuits.admit(&breakers(), "fast", || later).expect("the server's second probe");
        let changes = [(&probe, "slow"), (&other, "fast")].map(|(leave, function)| {
            circuits.record(&breakers(), leave, function, Outcome::Answered, || later)
        });
        assert_eq!(changes[0].function, Some(Change::Closed));
        assert_eq!(changes[1].server, Some(Change::Closed));
    }

    #[test]
    fn a_probe_is_answered_once_and_may_fail_later() {
        let now = Instant::now();
        let circuits = Circuits::new(now);
        for _ in 0..2 {
            call(&circuits, "slow", Outcome::Failed, now);
        }
        let later = now + Duration::from_secs(5);
        let mut leave = circuits.admit(&breakers(), "slow", || later).unwrap();
        let mut answered = || circuits.answered(&breakers(), &mut leave, "slow", || later);
        assert_eq!(answered().function, Some(Change::Closed));
        assert_eq!(answered(), Changes::default(), "it is none any more");
        let end = || circuits.record(&breakers(), &leave, "slow", Outcome::Failed, || later);
        assert_eq!((end(), end().function), (Changes::default(), Some(Change::Opened)), "like any other");
    }

    #[test]
    fn names_do_not_fill_the_memory() {
        let now = Instant::now();
        let circuits = Circuits::new(now);
        let breakers = Breakers { server: Breaker::default().consecutive(10_000).ratio(1.0), ..breakers() };
        for number in 0..1000 {
            let function = number.to_string();
            let leave = circuits.admit(&breakers, &function, || now).unwrap();
            circuits.record(&breakers, &leave, &function, Outcome::Failed, || now);
            let leave = circuits.admit(&breakers, "well", || now).unwrap();
            circuits.record(&breakers, &leave, "well", Outcome::Answered, || now);
        }
        assert_eq!(circuits.functions().len(), MOST_FUNCTIONS);
    }
}
