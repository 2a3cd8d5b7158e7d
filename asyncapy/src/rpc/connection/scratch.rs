use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use bytes::BytesMut;

use crate::mux::{Buffers, Mux};
use crate::rpc::invocation::Invocation;
use crate::rpc::table::Functions;
use crate::wire::Index;

/// What a connection needs only while it runs: each thread keeps one set, so that an idle connection holds no buffers
/// and a busy one allocates none.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) index: Index,
    pub(super) buffers: Buffers,
    pub(super) calls: Calls,
    /// Whom to wake when no lock is held.
    pub(super) woken: Vec<Waker>,
    /// What a call has answered whose stream has items that must go first.
    pub(super) aside: BytesMut,
    /// A payload that is opened, or frames that are sealed, where that is done.
    pub(super) plain: BytesMut,
    /// After so many calls what they have answered is written, although more are there.
    pub(super) turn: u64,
    /// The connection that ran last on the thread.
    last: usize,
}

/// How many calls a connection answers before it writes, while it has the thread to itself: so the other side reads while
/// this one works, and the two do not wait for each other in turns. Where several connections share a thread, that comes
/// about without it, and a write for each turn would be for nothing.
const TURN: u64 = 16;

/// Calls that have ended and can be used again, by function.
#[derive(Default)]
pub(super) struct Calls {
    ready: Vec<Option<Pin<Box<dyn Invocation>>>>,
    /// The table to which the calls belong.
    table: u64,
}

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// The thread's own, for the connection of `mux`.
    pub(super) fn take(functions: &Functions, mux: &Arc<Mux>) -> Box<Self> {
        let mut scratch = SPARE.take().unwrap_or_default();
        scratch.calls.belong_to(functions);
        let this = Arc::as_ptr(mux).addr();
        scratch.turn = if scratch.last == this { TURN } else { u64::MAX };
        scratch.last = this;
        scratch
    }

    pub(super) fn put_back(self: Box<Self>) {
        SPARE.set(Some(self));
    }
}

impl Calls {
    fn belong_to(&mut self, functions: &Functions) {
        if self.table != functions.id() {
            self.ready.clear();
            self.ready.resize_with(functions.len(), || None);
            self.table = functions.id();
        }
    }

    /// A call of the function, ready to start.
    pub(super) fn take(&mut self, functions: &Functions, at: usize) -> Option<Pin<Box<dyn Invocation>>> {
        match self.ready.get_mut(at).and_then(Option::take) {
            Some(ready) => Some(ready),
            None => functions.get(at).map(|entry| entry.erased.prepare()),
        }
    }

    /// Keeps a call that has ended, unless it holds something of the program's: a thread outlives a server.
    pub(super) fn keep(&mut self, at: usize, call: Pin<Box<dyn Invocation>>) {
        if call.is_reusable()
            && let Some(place) = self.ready.get_mut(at)
        {
            *place = Some(call);
        }
    }
}
