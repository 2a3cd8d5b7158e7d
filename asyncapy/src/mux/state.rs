use std::collections::HashMap;
use std::task::{Context, Waker};

use bytes::BytesMut;
use tokio::time::Instant;

use super::credit::{CONSUMED, MOST_ITEMS, START_CONNECTION, START_ITEMS};
use super::line::Line;
use super::targets::Targets;
use super::{Entry, Key, Outcome, Side};
use crate::error::Code;
use crate::wire::Framing;

/// Streams that the other side allows at once if it has not said otherwise (protocol V3, "Limits").
pub(crate) const STREAMS: usize = 1024;

/// The most frames that can be on their way for a stream when it ends: the items for which there is credit, as many
/// credits, the end, the cancel. Items for which its window has grown come on top.
pub(crate) const CROSSING: u32 = 2 * START_ITEMS + 2;

/// As many are reckoned with as that many streams could have.
pub(crate) const MOST_CROSSING: u32 = (CROSSING + MOST_ITEMS) * STREAMS as u32;

/// What the lock protects.
pub(crate) struct State {
    pub(super) framing: Framing,
    /// Frames that handles have written, for the connection to take.
    pub(super) out: BytesMut,
    /// Bytes that the connection has taken over and not yet written.
    pub(super) taken: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) free: Vec<u32>,
    pub(super) by_id: HashMap<u32, u32, BuildIdHasher>,
    /// The number of the next stream that we open.
    pub(super) next_id: u32,
    /// How many streams the other side has opened, as far as the connection has told.
    pub(super) accepted: u64,
    /// Streams that we have opened and that have not ended.
    pub(super) ours: usize,
    /// How many of them the other side allows.
    pub(super) most: usize,
    pub(super) targets: Targets,
    /// Bytes that we may still send on the connection.
    pub(super) credit: i64,
    /// The most that it has been: a grant that only gives back is earned.
    pub(super) granted: i64,
    /// Bytes that handles have taken since the connection has last looked: they are granted anew.
    pub(super) consumed: usize,
    /// The earliest deadline of an entry, or an earlier moment.
    pub(super) deadline: Option<Instant>,
    pub(super) phase: Phase,
    /// Those who wait to open a stream.
    pub(super) line: Line,
    /// Streams whose senders wait for room or credit on the connection.
    pub(super) waiting: Vec<Key>,
    /// Those who wait to hear of the connection as a whole: that the other side has greeted, that no more can be opened.
    pub(super) news: Vec<Waker>,
    /// Whether the other side has said its HELLO.
    pub(super) greeted: bool,
    /// The connection's, while it waits.
    pub(super) driver: Option<Waker>,
    /// Whether it was woken to write, and more are likely to follow.
    pub(super) gathering: bool,
    /// Whether it was called while it ran.
    pub(super) called: bool,
    /// Frames that may still come for streams that have ended: they were sent before the other side knew.
    pub(super) crossing: u32,
    /// Whether the last handle that could open a stream is gone.
    pub(crate) abandoned: bool,
    /// Whether no stream may be opened yet: the two sides have not agreed on how to seal.
    pub(super) held: bool,
}

/// How far a connection has come.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Open,
    /// No new streams: the other side goes away.
    Draining,
    /// Nothing passes any more.
    Over(Code, &'static str),
    /// The same, since the other side has said so: what becomes of every further stream.
    Dismissed(Outcome),
}

/// Numbers of streams need little hashing: they are dense already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

pub(super) type BuildIdHasher = std::hash::BuildHasherDefault<IdHasher>;

impl std::hash::Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl State {
    pub(super) fn new(framing: Framing, side: Side) -> Self {
        Self {
            framing,
            out: BytesMut::new(),
            taken: 0,
            entries: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::default(),
            next_id: if side == Side::Connecting { 1 } else { 2 },
            accepted: 0,
            ours: 0,
            most: STREAMS,
            targets: Targets::default(),
            credit: START_CONNECTION.into(),
            granted: START_CONNECTION.into(),
            consumed: 0,
            deadline: None,
            phase: Phase::Open,
            line: Line::default(),
            waiting: Vec::new(),
            news: Vec::new(),
            greeted: false,
            driver: None,
            gathering: false,
            called: false,
            crossing: 0,
            abandoned: false,
            held: false,
        }
    }

    pub(super) fn entry(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(key.place as usize).filter(|entry| entry.id == key.id)
    }

    pub(super) fn of_id(&mut self, id: u32) -> Option<&mut Entry> {
        let place = *self.by_id.get(&id)?;
        self.entries.get_mut(place as usize)
    }

    /// Makes room for a stream; an incoming one is entered only where a handle will take part in it.
    pub(crate) fn enter(&mut self, id: u32, deadline: Option<Instant>) -> Key {
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::new());
            (self.entries.len() - 1) as u32
        });
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.begin(id, deadline);
        }
        self.by_id.insert(id, place);
        self.watch(deadline);
        Key { place, id }
    }

    /// Keeps a deadline in view; tells whether it is the next one.
    pub(super) fn watch(&mut self, deadline: Option<Instant>) -> bool {
        let next = deadline.filter(|deadline| self.deadline.is_none_or(|earliest| earliest > *deadline));
        self.deadline = next.or(self.deadline);
        next.is_some()
    }

    /// Frees the place of a stream.
    pub(super) fn remove(&mut self, key: Key, woken: &mut Vec<Waker>) {
        let Some(entry) = self.entry(key) else { return };
        // What nobody will take counts as taken, or the connection would dry up.
        let left = entry.inbox.bytes();
        entry.clear();
        self.by_id.remove(&key.id);
        self.free.push(key.place);
        if self.is_ours(key.id) {
            self.ours -= 1;
            self.call_line(woken);
            if self.ours == 0 && (self.abandoned || !matches!(self.phase, Phase::Open)) {
                // It was the last: the connection may close.
                woken.extend(self.call_driver(false));
            }
        }
        if self.consume(left) {
            woken.extend(self.call_driver(false));
        }
    }

    /// No handle takes part in the stream any more; it goes on without.
    pub(super) fn detach(&mut self, key: Key, woken: &mut Vec<Waker>) {
        let Some(entry) = self.entry(key) else { return };
        entry.detached = true;
        self.deafen(key, 0, woken);
    }

    /// Nobody takes items of the stream any more: those that are there and those that come are forgotten. `told` bytes were
    /// taken before that.
    pub(super) fn deafen(&mut self, key: Key, told: usize, woken: &mut Vec<Waker>) {
        let left = self.entry(key).map_or(0, |entry| {
            entry.deaf = true;
            let left = entry.inbox.bytes();
            entry.inbox.clear();
            left
        });
        if self.consume(left + told) {
            woken.extend(self.call_driver(false));
        }
    }

    /// Bytes of the connection's window were taken; the connection is to look when they are many.
    pub(super) fn consume(&mut self, bytes: usize) -> bool {
        self.consumed += bytes;
        self.consumed >= CONSUMED as usize
    }

    /// How many streams the connection has had, from either side.
    pub(super) fn streams(&self) -> u64 {
        u64::from(self.next_id / 2) + self.accepted
    }

    /// Wakes this task when there is news of the connection.
    pub(super) fn listen(&mut self, context: &Context<'_>) {
        if !self.news.iter().any(|waker| waker.will_wake(context.waker())) {
            self.news.push(context.waker().clone());
        }
    }

    pub(super) fn is_ours(&self, id: u32) -> bool {
        id % 2 == self.next_id % 2
    }

    /// Calls those whose turn it is to open a stream.
    pub(super) fn call_line(&self, woken: &mut Vec<Waker>) {
        if self.credit > 0 && !self.held && self.line.len() > 0 {
            self.line.call(self.most.saturating_sub(self.ours), woken);
        }
    }

    /// Calls those who wait to send.
    pub(super) fn call_senders(&mut self, woken: &mut Vec<Waker>) {
        for key in std::mem::take(&mut self.waiting) {
            if let Some(entry) = self.entry(key) {
                entry.in_line = false;
                entry.sender.call(woken);
            }
        }
    }

    /// So many frames may still come for streams that have ended: one of ours has, or a window has grown.
    pub(super) fn may_cross(&mut self, frames: u32) {
        self.crossing = self.crossing.saturating_add(frames).min(MOST_CROSSING);
    }

    /// The waker of the connection, if it waits: whoever has the lock wakes it when that is free again.
    pub(super) fn call_driver(&mut self, gathering: bool) -> Option<Waker> {
        let driver = self.driver.take();
        self.called |= driver.is_none();
        self.gathering |= gathering && driver.is_some();
        driver
    }
}

#[cfg(test)]
impl State {
    /// No stream has left anything behind.
    pub(crate) fn assert_empty(&self) {
        let taken: Vec<_> = self.entries.iter().filter(|entry| entry.id != 0).collect();
        assert!(taken.is_empty(), "entries: {taken:?}");
        assert_eq!(self.entries.len(), self.free.len(), "free places");
        assert!(self.by_id.is_empty(), "numbers: {:?}", self.by_id);
        assert_eq!((self.ours, self.line.len()), (0, 0), "streams, and those who wait to open one");
    }

    /// The bytes and the number of the items that wait on the stream to be taken.
    pub(crate) fn buffered(&mut self, id: u32) -> (usize, usize) {
        self.of_id(id).map_or((0, 0), |entry| (entry.inbox.bytes(), entry.inbox.len()))
    }
}
