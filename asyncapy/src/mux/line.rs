use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::time::Instant;

use super::Mux;

/// Those who wait to open a stream, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: BTreeMap<u64, Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    waker: Waker,
    /// Until when; none once that was told.
    deadline: Option<Instant>,
}

/// A place in the line. Whoever lets go of it before his turn lets the next one have it.
pub(crate) struct Ticket {
    mux: Arc<Mux>,
    number: u64,
}

impl Ticket {
    pub(super) fn new(mux: Arc<Mux>, number: u64) -> Self {
        Self { mux, number }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.mux.with(|state, woken| {
            state.line.leave(self.number);
            state.call_line(woken);
        });
    }
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// A new place at the end.
    pub(super) fn join(&mut self, context: &Context<'_>, deadline: Option<Instant>) -> u64 {
        self.next += 1;
        self.places.insert(self.next, Waiting { waker: context.waker().clone(), deadline });
        self.next
    }

    /// Whoever stands there goes on waiting.
    pub(super) fn stay(&mut self, number: u64, context: &Context<'_>) {
        if let Some(waiting) = self.places.get_mut(&number) {
            waiting.waker.clone_from(context.waker());
        }
    }

    fn leave(&mut self, number: u64) {
        self.places.remove(&number);
    }

    /// Calls the first `count`; they keep their places until they leave.
    pub(super) fn call(&self, count: usize, woken: &mut Vec<Waker>) {
        woken.extend(self.places.values().take(count).map(|waiting| waiting.waker.clone()));
    }

    /// Calls those who have waited long enough, and tells when the next one will have.
    pub(super) fn expire(&mut self, now: Instant, woken: &mut Vec<Waker>) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        for waiting in self.places.values_mut() {
            match waiting.deadline {
                Some(deadline) if deadline <= now => {
                    waiting.deadline = None;
                    woken.push(waiting.waker.clone());
                }
                Some(deadline) => {
                    earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
                }
                None => {}
            }
        }
        earliest
    }
}
