use std::task::Waker;

use bytes::Bytes;
use tokio::time::Instant;

use super::inbox::Inbox;
use super::waiters::Waiters;
use super::{Credit, Window};
use crate::error::Code;
use crate::wire::Encoding;

/// How a stream has ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// With a result, which lies in the entry's buffer; raw bytes where it has no encoding.
    Result(Option<Encoding>),
    /// With no result.
    Empty,
    /// The other side has sent an ERROR with this payload.
    Failed { encoding: Encoding, payload: Bytes },
    /// For a reason that our side knows by itself.
    Local(Code, &'static str),
    /// It never began: the other side will not run it, so that it can be tried elsewhere.
    NotRun(Code, &'static str),
    /// The same, as the other side has said in this payload, which is like that of an ERROR.
    Refused { encoding: Encoding, payload: Bytes },
}

/// A stream, as both its handle and the connection's task see it.
///
/// Entries are used again, and keep the room that their buffers have.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The stream's number, 0 while the entry is free.
    pub(super) id: u32,
    /// Items that have come and were not taken.
    pub(super) inbox: Inbox,
    /// The payload of the result.
    pub(super) buffer: Vec<u8>,
    pub(super) outcome: Option<Outcome>,
    /// Who waits for an item or for the end.
    pub(super) receiver: Waiters,
    /// Who waits to send.
    pub(super) sender: Waiters,
    /// Whether they wait for room on the connection, and not for the stream's credit.
    pub(super) in_line: bool,
    pub(super) window: Window,
    pub(super) credit: Credit,
    /// Whether the other side sends nothing more but its result.
    pub(super) peer_ended: bool,
    /// Whether we send nothing more.
    pub(super) ended: bool,
    pub(super) deadline: Option<Instant>,
    /// Whether no handle takes part in it any more, although it goes on.
    pub(super) detached: bool,
    /// Whether nobody takes its items any more.
    pub(super) deaf: bool,
}

impl Entry {
    pub(super) fn new() -> Self {
        Self {
            id: 0,
            inbox: Inbox::default(),
            buffer: Vec::new(),
            outcome: None,
            receiver: Waiters::default(),
            sender: Waiters::default(),
            in_line: false,
            window: Window::stream(),
            credit: Credit::default(),
            peer_ended: false,
            ended: false,
            deadline: None,
            detached: false,
            deaf: false,
        }
    }

    /// Makes a free entry that of a new stream.
    pub(super) fn begin(&mut self, id: u32, deadline: Option<Instant>) {
        self.id = id;
        self.outcome = None;
        self.window = Window::stream();
        self.credit = Credit::default();
        self.peer_ended = false;
        self.ended = false;
        self.deadline = deadline;
        self.detached = false;
        self.deaf = false;
    }

    /// Frees the entry.
    pub(super) fn clear(&mut self) {
        self.id = 0;
        self.inbox.clear();
        self.buffer.clear();
        self.outcome = None;
        self.receiver.clear();
        self.sender.clear();
        self.in_line = false;
        self.deadline = None;
        if self.buffer.capacity() > KEEP_AT_MOST {
            self.buffer = Vec::new();
        }
    }

    /// Whether it has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// The stream has ended; the first end counts.
    pub(super) fn end(&mut self, outcome: Outcome, woken: &mut Vec<Waker>) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            self.peer_ended = true;
            self.ended = true;
            self.deadline = None;
            self.receiver.call(woken);
            self.sender.call(woken);
        }
    }
}

/// A buffer that grew beyond this for one large result is given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 64 * 1024;
