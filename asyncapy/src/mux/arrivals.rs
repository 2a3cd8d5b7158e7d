//! What the connection's task tells of what has come, and takes of what is to go.

use std::task::Waker;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::credit::Grant;
use super::mux::ITEMS_SOFT;
use super::state::{CROSSING, Phase, State};
use super::{Entry, Key, Outcome};
use crate::error::Code;
use crate::wire::Encoding;

/// What a frame for a stream has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was for a stream that is there.
    Taken,
    /// There is no such stream, any more or yet.
    Stray,
    /// It was sent without credit.
    NoCredit,
}

impl State {
    /// Items for a stream have come, with the opener's END on the last of them if it `ends`. Of those for a stream that
    /// is not there, the first alone is looked at.
    pub(crate) fn items<'a>(
        &mut self,
        id: u32,
        mut items: impl Iterator<Item = (Option<Encoding>, &'a [u8])>,
        ends: bool,
        woken: &mut Vec<Waker>,
    ) -> Arrival {
        let Some(entry) = self.of_id(id).filter(|entry| !entry.peer_ended) else {
            let bytes = items.next().map_or(0, |(_, payload)| payload.len());
            self.consume(bytes);
            return Arrival::Stray;
        };
        let mut forgotten = 0;
        for (encoding, payload) in items {
            if !entry.window.receive(payload.len()) {
                return Arrival::NoCredit;
            }
            if entry.deaf {
                forgotten += payload.len();
            } else {
                entry.inbox.push(encoding, payload);
            }
        }
        entry.peer_ended = ends;
        entry.receiver.call(woken);
        self.consume(forgotten);
        Arrival::Taken
    }

    /// The result of one of our streams has come.
    pub(crate) fn result(
        &mut self,
        id: u32,
        encoding: Option<Encoding>,
        payload: &[u8],
        woken: &mut Vec<Waker>,
    ) -> Arrival {
        let Some(entry) = self.open(id) else { return Arrival::Stray };
        entry.buffer.clear();
        entry.buffer.extend_from_slice(payload);
        entry.end(Outcome::Result(encoding), woken);
        Arrival::Taken
    }

    /// The other side sends no more items on a stream of its own.
    pub(crate) fn half_end(&mut self, id: u32, woken: &mut Vec<Waker>) -> Arrival {
        let Some(entry) = self.open(id).filter(|entry| !entry.peer_ended) else { return Arrival::Stray };
        entry.peer_ended = true;
        entry.receiver.call(woken);
        Arrival::Taken
    }

    /// A stream has ended in some other way.
    pub(crate) fn end(&mut self, id: u32, outcome: Outcome, woken: &mut Vec<Waker>) -> Arrival {
        let Some(entry) = self.open(id) else { return Arrival::Stray };
        entry.end(outcome, woken);
        Arrival::Taken
    }

    /// A function that takes part in a stream by a handle has ended: the handle is told, or the place is free.
    pub(crate) fn leave(&mut self, key: Key, outcome: Outcome, woken: &mut Vec<Waker>) {
        let Some(entry) = self.entry(key) else { return };
        if entry.detached {
            self.remove(key, woken);
        } else {
            entry.end(outcome, woken);
        }
    }

    /// The other side has granted credit for a stream, or (0) for the connection.
    pub(crate) fn credit(
        &mut self,
        id: u32,
        items: u32,
        bytes: u32,
        woken: &mut Vec<Waker>,
    ) -> Option<Grant> {
        if id == 0 {
            let dry = self.credit <= 0;
            self.credit += i64::from(bytes);
            let earned = bytes > 0 && self.credit <= self.granted;
            self.granted = self.granted.max(self.credit);
            if dry && self.credit > 0 {
                self.call_senders(woken);
                self.call_line(woken);
            }
            return Some(match (self.credit <= i64::from(u32::MAX), earned) {
                (false, _) => Grant::BeyondReason,
                (true, true) => Grant::Earned,
                (true, false) => Grant::Unearned,
            });
        }
        let entry = self.open(id)?;
        entry.sender.call(woken);
        Some(entry.credit.add(items, bytes))
    }

    /// The stream of that number, if it has not ended.
    fn open(&mut self, id: u32) -> Option<&mut Entry> {
        self.of_id(id).filter(|entry| entry.is_open())
    }

    /// The frames that may still come for streams that we have ended, since this was last asked.
    pub(crate) fn take_crossing(&mut self) -> u32 {
        std::mem::take(&mut self.crossing)
    }

    /// The bytes that handles have taken since this was last asked.
    pub(crate) fn take_consumed(&mut self) -> usize {
        std::mem::take(&mut self.consumed)
    }

    /// Items were sent that no handle has sent.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.credit -= bytes as i64;
    }

    /// The connection's credit, in bytes.
    pub(crate) fn connection_credit(&self) -> i64 {
        self.credit
    }

    /// The other side allows so many streams at once.
    pub(crate) fn allow(&mut self, streams: usize, woken: &mut Vec<Waker>) {
        self.most = streams.max(1);
        self.call_line(woken);
    }

    /// How many streams of ours are open.
    pub(crate) fn ours(&self) -> usize {
        self.ours
    }

    /// Whether a number is one that we have given to a stream.
    pub(crate) fn was_opened(&self, id: u32) -> bool {
        self.is_ours(id) && id < self.next_id
    }

    /// The other side goes away: it runs no stream above `last`.
    pub(crate) fn drain(&mut self, last: u32, code: &Code, why: &'static str, woken: &mut Vec<Waker>) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Draining;
        }
        self.line.call(usize::MAX, woken);
        woken.append(&mut self.news);
        for place in 0..self.entries.len() {
            let id = self.entries[place].id;
            if id > last && self.is_ours(id) {
                self.entries[place].end(Outcome::NotRun(code.clone(), why), woken);
            }
        }
    }

    /// The other side ends the connection, and says why: `payload` is like that of an ERROR. It ran no stream above
    /// `last`.
    pub(crate) fn dismiss(&mut self, last: u32, encoding: Encoding, payload: &[u8], woken: &mut Vec<Waker>) {
        let payload = Bytes::copy_from_slice(payload);
        let refused = Outcome::Refused { encoding, payload: payload.clone() };
        let failed = Outcome::Failed { encoding, payload };
        for entry in self.entries.iter_mut().filter(|entry| entry.id != 0) {
            let ours = (entry.id % 2 == 1) == (self.next_id % 2 == 1);
            let outcome = if ours && entry.id > last { &refused } else { &failed };
            entry.end(outcome.clone(), woken);
        }
        self.phase = Phase::Dismissed(refused);
        self.call_senders(woken);
        self.line.call(usize::MAX, woken);
        woken.append(&mut self.news);
    }

    /// The other side has said its HELLO.
    pub(crate) fn greet(&mut self, woken: &mut Vec<Waker>) {
        self.greeted = true;
        woken.append(&mut self.news);
    }

    /// Whether the other side has said that it goes away, or all is over.
    pub(crate) fn is_draining(&self) -> bool {
        !matches!(self.phase, Phase::Open)
    }

    /// No new streams from our side either.
    pub(crate) fn close(&mut self, woken: &mut Vec<Waker>) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Draining;
        }
        self.line.call(usize::MAX, woken);
        woken.append(&mut self.news);
    }

    /// Nothing passes any more: every stream ends, and says why.
    pub(crate) fn over(&mut self, code: &Code, why: &'static str, woken: &mut Vec<Waker>) {
        // The first reason is the true one.
        if !matches!(self.phase, Phase::Over(..) | Phase::Dismissed(_)) {
            self.phase = Phase::Over(code.clone(), why);
        }
        self.call_senders(woken);
        self.line.call(usize::MAX, woken);
        woken.append(&mut self.news);
        for entry in self.entries.iter_mut().filter(|entry| entry.id != 0) {
            entry.end(Outcome::Local(code.clone(), why), woken);
        }
    }

    /// Ends the streams whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        let mut earliest = self.line.expire(now, woken);
        for place in 0..self.entries.len() {
            let entry = &mut self.entries[place];
            let Some(deadline) = entry.deadline else { continue };
            if deadline > now {
                earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
                continue;
            }
            let id = entry.id;
            entry.end(Outcome::Local(Code::DeadlineExceeded, "no answer came in time"), woken);
            self.framing.encode_cancel(&mut self.out, id);
            self.may_cross(CROSSING);
        }
        self.deadline = earliest;
    }

    /// No stream is opened before the two sides have agreed on how to seal.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// Streams may be opened.
    pub(crate) fn release(&mut self, woken: &mut Vec<Waker>) {
        self.held = false;
        self.call_line(woken);
    }

    /// The earliest deadline, or an earlier moment.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Moves what handles have written into `out`.
    pub(crate) fn drain_into(&mut self, out: &mut BytesMut) {
        if self.out.is_empty() {
            return;
        }
        if out.is_empty() {
            std::mem::swap(&mut self.out, out);
        } else {
            out.extend_from_slice(&self.out);
            self.out.clear();
        }
    }

    /// Tells how many bytes the connection still has to write.
    pub(crate) fn written(&mut self, left: usize, woken: &mut Vec<Waker>) {
        self.taken = left;
        if left + self.out.len() <= ITEMS_SOFT {
            self.call_senders(woken);
        }
    }

    /// Whether handles have written something.
    pub(crate) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// A stream of the other side will not be run: its place is free.
    pub(crate) fn discard(&mut self, key: Key, woken: &mut Vec<Waker>) {
        self.remove(key, woken);
    }

    /// Whether handles have written something, or called while the connection ran; if not, `driver` is woken when they
    /// do.
    pub(crate) fn attend(&mut self, driver: &Waker) -> bool {
        if !self.out.is_empty() || self.called {
            return true;
        }
        match &mut self.driver {
            Some(known) => known.clone_from(driver),
            none => *none = Some(driver.clone()),
        }
        false
    }

    /// The connection runs, and looks by itself: nobody need wake it. The other side has opened so many streams.
    pub(crate) fn attended(&mut self, accepted: u64) {
        self.accepted = accepted;
        self.driver = None;
        self.called = false;
    }

    /// Whether the connection was woken to gather what several handles write; told once.
    pub(crate) fn take_gathering(&mut self) -> bool {
        std::mem::take(&mut self.gathering)
    }
}
