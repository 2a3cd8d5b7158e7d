use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::time::Instant;

use super::credit::Room;
use super::inbox::Inbox;
use super::state::{CROSSING, Phase, State};
use super::{Outcome, Ticket};
use crate::error::Code;
use crate::wire::Framing;

/// Unsent bytes above which items wait: so little that a reply never stands long behind a stream.
pub(crate) const ITEMS_SOFT: usize = 64 * 1024;

/// The longest frame that a side takes if it has not said otherwise, in bytes (protocol V3, "Limits").
const LONGEST: u32 = 1024 * 1024;

/// The streams of one connection.
///
/// Handles and the connection's task share it under a lock under which no user code runs.
pub(crate) struct Mux {
    state: Mutex<State>,
    pub(crate) framing: Framing,
    /// The longest frame that the other side takes.
    longest: AtomicU32,
}

/// A stream's place and number: the place may be used again, the number is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(super) place: u32,
    pub(crate) id: u32,
}

/// What an OPEN asks for besides its frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open<'a> {
    /// The function's name.
    pub(crate) target: &'a str,
    pub(crate) deadline: Option<Instant>,
    /// The bytes of the payload: they are paid for.
    pub(crate) payload: usize,
    /// Whether END is on the OPEN itself.
    pub(crate) ended: bool,
    /// Whether whoever opens it waits for its end, and for nothing before.
    pub(crate) awaits: bool,
}

/// Which side of the connection we are: it decides the parity of our streams' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Connecting,
    Accepting,
}

impl Mux {
    pub(crate) fn new(framing: Framing, side: Side) -> Self {
        Self { state: Mutex::new(State::new(framing, side)), framing, longest: AtomicU32::new(LONGEST) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under this lock, so that a poisoned one still holds whole frames.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something under the lock, and wakes whom that concerns when it is free again.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, &mut Vec<Waker>) -> T) -> T {
        let mut woken = Vec::new();
        let mut state = self.lock();
        let result = act(&mut state, &mut woken);
        drop(state);
        woken.drain(..).for_each(Waker::wake);
        result
    }

    /// Opens a stream with an encoded OPEN, whose target and stream are filled in here, once there is room for it.
    ///
    /// # Errors
    /// How it ended before it began.
    pub(crate) fn poll_open(
        self: &Arc<Self>,
        context: &Context<'_>,
        frame: &mut BytesMut,
        open: Open<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Key, Outcome>> {
        let mut state = self.lock();
        match state.phase {
            Phase::Open => {}
            Phase::Draining => {
                let outcome = Outcome::NotRun(Code::ShuttingDown, "the other side is going away");
                return Poll::Ready(Err(outcome));
            }
            Phase::Over(ref code, why) => {
                return Poll::Ready(Err(Outcome::NotRun(code.clone(), why)));
            }
            Phase::Dismissed(ref refused) => return Poll::Ready(Err(refused.clone())),
        }
        // Who comes last does not go first: what is free is for those who wait.
        let taken = state.ours + if ticket.is_some() { 0 } else { state.line.len() };
        if state.held || taken >= state.most || state.credit <= 0 {
            let waker = match ticket {
                Some(ticket) => {
                    state.line.stay(ticket.number(), context);
                    None
                }
                none => {
                    let number = state.line.join(context, open.deadline);
                    *none = Some(Ticket::new(self.clone(), number));
                    // The connection's timer is to ring for who waits, too.
                    state.watch(open.deadline).then(|| state.call_driver(false)).flatten()
                }
            };
            drop(state);
            waker.into_iter().for_each(Waker::wake);
            return Poll::Pending;
        }
        let id = state.next_id;
        let Some(next) = id.checked_add(2) else {
            // Another connection has numbers left.
            let mut woken = Vec::new();
            state.close(&mut woken);
            woken.extend(state.call_driver(false));
            drop(state);
            woken.into_iter().for_each(Waker::wake);
            let outcome = Outcome::NotRun(Code::ShuttingDown, "the connection has used up its numbers");
            return Poll::Ready(Err(outcome));
        };
        let key = state.enter(id, open.deadline);
        if let Some(entry) = state.entry(key) {
            entry.ended = open.ended;
            if open.awaits {
                entry.receiver.wait(context);
            }
        }
        state.next_id = next;
        state.ours += 1;
        state.credit -= open.payload as i64;
        let State { targets, out, .. } = &mut *state;
        self.framing.set_stream(frame, id);
        targets.write(self.framing, open.target, frame, out);
        let waker = state.call_driver(true);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(key))
    }

    /// How the stream has ended, with its result in `buffer`; the place is free then. One on which items have come, that
    /// nobody takes, is no call: it is given up as one that ends without a result.
    pub(crate) fn poll_outcome(
        &self,
        key: Key,
        context: &Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Outcome> {
        let mut state = self.lock();
        let Some(entry) = state.entry(key) else {
            return Poll::Ready(Outcome::Local(Code::Cancelled, "the stream is gone"));
        };
        let streams = !entry.inbox.is_empty();
        match entry.outcome.take() {
            None if streams => {
                drop(state);
                self.release(key);
                Poll::Ready(Outcome::Empty)
            }
            Some(outcome) => {
                std::mem::swap(&mut entry.buffer, buffer);
                let mut woken = Vec::new();
                state.remove(key, &mut woken);
                drop(state);
                woken.into_iter().for_each(Waker::wake);
                Poll::Ready(if streams && matches!(outcome, Outcome::Result(_)) {
                    Outcome::Empty
                } else {
                    outcome
                })
            }
            None => {
                entry.receiver.wait(context);
                Poll::Pending
            }
        }
    }

    /// Hands over all that has come on a stream, at least one item; false once it has ended. `told` bytes were taken since
    /// that was last said.
    pub(super) fn poll_inbox(
        &self,
        key: Key,
        context: &Context<'_>,
        inbox: &mut Inbox,
        told: usize,
    ) -> Poll<bool> {
        let mut state = self.lock();
        let polled = match state.entry(key) {
            None => Poll::Ready(false),
            Some(entry) if !entry.inbox.is_empty() => {
                entry.inbox.hand_over(inbox);
                Poll::Ready(true)
            }
            Some(entry) if entry.peer_ended => Poll::Ready(false),
            Some(entry) => {
                entry.receiver.wait(context);
                entry.inbox.rest();
                inbox.rest();
                Poll::Pending
            }
        };
        let waker = state.consume(told).then(|| state.call_driver(false)).flatten();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        polled
    }

    /// Grants anew what was taken of a stream, if more may come on it; `told` as above.
    pub(super) fn grant(&self, key: Key, room: &mut Room, told: usize) {
        let now = Instant::now();
        let mut state = self.lock();
        let many = state.consume(told);
        let streams = state.streams();
        let (grant, grown) = room.grant(streams, now);
        let granted = match state.entry(key) {
            // All of it may be kept back: then there is nothing to say.
            Some(entry) if !entry.peer_ended && grant != (0, 0) => {
                entry.window.grant(grant);
                state.may_cross(grown);
                self.framing.encode_credit(&mut state.out, key.id, grant.0, grant.1);
                true
            }
            _ => false,
        };
        let waker = (many || granted).then(|| state.call_driver(false)).flatten();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Nobody takes items of the stream any more; `told` as above.
    pub(super) fn deafen(&self, key: Key, told: usize) {
        self.with(|state, woken| state.deafen(key, told, woken));
    }

    /// Bytes of the connection's window were taken.
    pub(super) fn give_back(&self, bytes: usize) {
        self.with(|state, woken| {
            if state.consume(bytes) {
                woken.extend(state.call_driver(false));
            }
        });
    }

    /// Sends an encoded ITEM, whose stream is filled in here, once there is credit and room; false if the stream takes
    /// nothing more.
    pub(crate) fn poll_send(
        &self,
        key: Key,
        context: &Context<'_>,
        frame: &mut [u8],
        payload: usize,
    ) -> Poll<bool> {
        let mut state = self.lock();
        let State { entries, out, taken, credit, waiting, .. } = &mut *state;
        let Some(entry) = entries.get_mut(key.place as usize).filter(|entry| entry.id == key.id) else {
            return Poll::Ready(false);
        };
        if entry.ended {
            return Poll::Ready(false);
        }
        if !entry.credit.allows() {
            entry.sender.wait(context);
            return Poll::Pending;
        }
        if *credit <= 0 || out.len() + *taken > ITEMS_SOFT {
            entry.sender.wait(context);
            if !std::mem::replace(&mut entry.in_line, true) {
                waiting.push(key);
            }
            return Poll::Pending;
        }
        entry.credit.spend(payload);
        *credit -= payload as i64;
        self.framing.set_stream(frame, key.id);
        out.extend_from_slice(frame);
        let waker = state.call_driver(true);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Poll::Ready(true)
    }

    /// Sends END: nothing more will come from our side.
    pub(crate) fn finish(&self, key: Key) {
        self.with(|state, woken| {
            let Some(entry) = state.entry(key) else { return };
            // The side that accepts a stream ends it by its result: its function has to return.
            if !std::mem::replace(&mut entry.ended, true) && state.is_ours(key.id) {
                self.framing.encode_end(&mut state.out, key.id);
                woken.extend(state.call_driver(true));
            }
        });
    }

    /// A handle is gone: a stream of ours is cancelled if it has not ended, and its place is free.
    pub(crate) fn release(&self, key: Key) {
        self.with(|state, woken| {
            let Some(entry) = state.entry(key) else { return };
            let ended = entry.outcome.is_some();
            if !ended && !state.is_ours(key.id) {
                // The function goes on, but for the items: they are forgotten as they come.
                state.detach(key, woken);
                return;
            }
            if !ended {
                self.framing.encode_cancel(&mut state.out, key.id);
                state.may_cross(CROSSING);
                woken.extend(state.call_driver(true));
            }
            state.remove(key, woken);
        });
    }

    /// Enters a stream that the other side has opened, so that a handle can take part in it.
    pub(crate) fn accept(&self, id: u32, ended: bool) -> Key {
        let mut state = self.lock();
        let key = state.enter(id, None);
        state.entry(key).into_iter().for_each(|entry| entry.peer_ended = ended);
        key
    }

    /// The longest frame that the other side takes, less its Content-Length.
    pub(crate) fn longest(&self) -> u32 {
        self.longest.load(Ordering::Relaxed)
    }

    /// The framing of what goes out.
    pub(crate) fn outgoing(&self) -> Framing {
        Framing::new(self.framing.header_size(), self.framing.byte_order(), self.longest())
    }

    /// The other side has said what it takes.
    pub(crate) fn set_longest(&self, bytes: u32) {
        self.longest.store(bytes, Ordering::Relaxed);
    }

    /// Whether the stream has ended, and how.
    pub(crate) fn outcome(&self, key: Key) -> Option<(Outcome, Vec<u8>)> {
        let mut state = self.lock();
        let entry = state.entry(key)?;
        let outcome = entry.outcome.clone()?;
        Some((outcome, entry.buffer.clone()))
    }

    /// Ready when the stream has ended, whatever was or was not taken of it.
    pub(crate) fn poll_ended(&self, key: Key, context: &Context<'_>) -> Poll<()> {
        match self.lock().entry(key) {
            Some(entry) if entry.outcome.is_none() => {
                entry.receiver.wait(context);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Ready when no stream can be opened any more: the other side goes away, we do, or all is over.
    pub(crate) fn poll_closing(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_draining() {
            return Poll::Ready(());
        }
        state.listen(context);
        Poll::Pending
    }

    /// Ready when the other side has said its HELLO.
    ///
    /// # Errors
    /// It never will.
    pub(crate) fn poll_greeted(&self, context: &Context<'_>) -> Poll<Result<(), Outcome>> {
        let mut state = self.lock();
        if state.greeted {
            return Poll::Ready(Ok(()));
        }
        match state.phase {
            Phase::Open => {}
            Phase::Draining => {
                return Poll::Ready(Err(Outcome::NotRun(Code::ShuttingDown, "the other side is going away")));
            }
            Phase::Over(ref code, why) => return Poll::Ready(Err(Outcome::NotRun(code.clone(), why))),
            Phase::Dismissed(ref refused) => return Poll::Ready(Err(refused.clone())),
        }
        state.listen(context);
        Poll::Pending
    }

    /// The last handle that could open a stream is gone: the connection may close.
    pub(crate) fn abandon(&self) {
        self.with(|state, woken| {
            state.abandoned = true;
            woken.extend(state.call_driver(false));
        });
    }
}
