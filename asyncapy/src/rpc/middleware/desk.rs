use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::BytesMut;

use crate::mux::{Credit, ITEMS_SOFT};
use crate::rpc::answer::{Answer, Ending};
use crate::wire::{Encoding, Framing};

/// Where the items of a stream pass from the function, which runs inside of middleware, to its connection: the
/// connection lends its credit and takes the items, the function writes them.
pub(super) struct Desk {
    framing: Framing,
    encoding: Encoding,
    stream: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: BytesMut,
    /// What may be sent: what was lent, less what was written since.
    credit: Credit,
    connection: i64,
    /// Written and not yet taken: how many items, and the bytes of their payloads.
    written: (u32, usize),
    /// The same, of all.
    total: (u64, u64),
    /// Whether an item waits for credit or room.
    stalled: bool,
    /// Whether the connection is looking.
    lent: bool,
    /// How often it has lent its credit.
    loans: u64,
    connection_waker: Option<Waker>,
    /// The function's, where it runs elsewhere and waits for credit.
    function_waker: Option<Waker>,
}

impl Desk {
    pub(super) fn new(answer: &Answer<'_>) -> Self {
        let Answer { framing, encoding, stream, .. } = *answer;
        Self { framing, encoding, stream, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection lends its credit.
    pub(super) fn lend(&self, context: &Context<'_>, answer: &Answer<'_>) {
        let mut state = self.lock();
        state.credit = *answer.credit;
        let (items, bytes) = state.written;
        state.credit.spend_all(items, bytes);
        // One that has much to write already has no room for items.
        let room = answer.out.len() <= ITEMS_SOFT;
        state.connection = if room { *answer.connection - bytes as i64 } else { 0 };
        state.lent = true;
        state.loans += 1;
        match &mut state.connection_waker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        let may_send = state.credit.allows() && state.connection > 0;
        let waker = if may_send { state.function_waker.take() } else { None };
        // It has waited for credit, and now waits for room.
        state.stalled |= state.function_waker.is_some() && state.credit.allows();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The connection takes what was written.
    pub(super) fn collect(&self, answer: &mut Answer<'_>) {
        let mut state = self.lock();
        state.lent = false;
        let (items, bytes) = std::mem::take(&mut state.written);
        answer.out.extend_from_slice(&state.items);
        answer.whole = answer.out.len();
        state.items.clear();
        answer.credit.spend_all(items, bytes);
        *answer.connection -= bytes as i64;
        answer.stalled = state.stalled;
    }

    /// The function writes items, and perhaps its end.
    pub(super) fn write<T>(
        &self,
        context: &Context<'_>,
        ending: &mut Option<Ending>,
        write: impl FnOnce(&mut Answer<'_>) -> T,
    ) -> T {
        let (mut items, mut credit, mut connection, loans) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.items), state.credit, state.connection, state.loans)
        };
        let before = (credit, connection);
        let whole = items.len();
        let mut answer = Answer {
            out: &mut items,
            framing: self.framing,
            encoding: self.encoding,
            stream: self.stream,
            credit: &mut credit,
            connection: &mut connection,
            stalled: false,
            failed: false,
            whole,
            ending: Some(ending),
        };
        let written = catch_unwind(AssertUnwindSafe(|| write(&mut answer)));
        let Answer { stalled, whole, .. } = answer;
        if written.is_err() {
            // Of what a panic has cut short, only the items before it are sent.
            items.truncate(whole);
        }
        let count = credit.spent_since(&before.0);
        let bytes = (before.1 - connection) as usize;
        let mut state = self.lock();
        // The connection may have looked in between: what it has lent since is not overwritten.
        if state.loans == loans {
            (state.credit, state.connection) = (credit, connection);
        }
        state.items = items;
        state.written.0 += count;
        state.written.1 += bytes;
        state.total.0 += u64::from(count);
        state.total.1 += bytes as u64;
        // Whoever waits for room must be known to the connection; a credit comes by itself.
        let stalled_before = std::mem::replace(&mut state.stalled, stalled);
        let begins_to_stall = stalled && !stalled_before;
        let mut waker = None;
        if !state.lent {
            // The function runs in a task of its own.
            if stalled || !credit.allows() {
                state.function_waker = Some(context.waker().clone());
            }
            if count > 0 || begins_to_stall || state.loans != loans {
                waker = state.connection_waker.take();
            }
        }
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        written.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// How many items were written in all, and the bytes of their payloads.
    pub(super) fn total(&self) -> (u64, u64) {
        self.lock().total
    }
}
