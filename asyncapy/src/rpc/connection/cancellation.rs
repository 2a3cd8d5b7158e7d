use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tracing::{error, warn};

use super::Connection;
use super::running::Work;
use crate::error::Code;
use crate::mux::{Credit, Key, Outcome};
use crate::rpc::serving::Counters;

/// What a call that is given up has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    /// Items, or its time.
    Work,
}

/// A call that has run for so long was not made in order to be cancelled.
const WORK: Duration = Duration::from_millis(100);

impl Connection {
    /// Ends a call from the other side, and tells what it has given; none if it has ended before.
    pub(super) fn cancel_call(&mut self, id: u32, outcome: Outcome) -> Option<Given> {
        if let Some(work) = self.places.remove(&id).and_then(|place| self.running.take(place)) {
            let worked = work.since + WORK <= self.pulse.now || work.credit != Credit::default();
            self.abort(work, outcome);
            return Some(if worked { Given::Work } else { Given::Nothing });
        }
        let at = self.queue.iter().position(|queued| queued.id == id)?;
        if let Some(queued) = self.queue.remove(at) {
            self.consume(queued.payload.len());
            self.forget(queued.key);
        }
        Some(Given::Nothing)
    }

    /// Drops a call where it waits; what it held may panic in turn, which costs nobody else anything.
    fn abort(&self, work: Work, outcome: Outcome) {
        let channel = work.channel;
        let_go(work, &self.serving.counters);
        if let Some(key) = channel {
            self.mux.with(|state, woken| state.leave(key, outcome, woken));
        }
    }

    /// A call is too late.
    pub(super) fn give_up(&mut self, place: u32) {
        let Some(work) = self.running.take(place) else { return };
        self.places.remove(&work.stream);
        let (id, encoding, late) = (work.stream, work.encoding, work.late.clone());
        warn!(part = "API Parser", code = %late, "A call was given up");
        self.abort(work, Outcome::Local(late.clone(), "it took too long"));
        self.collect();
        self.refuse(id, encoding, &late, None);
    }

    /// The connection has ended, and with it all calls.
    pub(super) fn let_go_of_all(&mut self) {
        for place in self.running.all() {
            if let Some(work) = self.running.take(place) {
                self.abort(work, Outcome::Local(Code::Cancelled, "the connection is closed"));
            }
        }
        self.places.clear();
        self.queue.clear();
    }

    /// The place of a stream whose call was not run is free.
    pub(super) fn forget(&self, key: Option<Key>) {
        if let Some(key) = key {
            self.mux.with(|state, woken| state.discard(key, woken));
        }
    }
}

/// Drops what belongs to a call; it may panic in turn.
pub(super) fn let_go<T>(call: T, counters: &Counters) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(call))) {
        note(&*panic, counters);
    }
}

/// Counts and logs a panic.
pub(super) fn note(panic: &(dyn Any + Send), counters: &Counters) {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error!(part = "API Parser", panic = ?text.unwrap_or("no text"), "A function panicked");
    Counters::add(&counters.panics, 1);
}
