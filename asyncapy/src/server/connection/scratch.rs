use std::cell::Cell;
use std::pin::Pin;

use bytes::BytesMut;

use crate::dispatch::Table;
use crate::handler::ErasedCall;
use crate::wire::Index;

/// What a connection needs only while it runs: each thread keeps one set, so that an idle connection holds no buffers
/// and a busy one allocates none.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) index: Index,
    pub(super) candidates: Vec<u32>,
    pub(super) buffers: Buffers,
    pub(super) calls: Calls,
}

/// A buffer to read into and one to write into.
#[derive(Default)]
pub(super) struct Buffers {
    input: BytesMut,
    output: BytesMut,
}

/// Calls that have ended and can be used again, by route.
#[derive(Default)]
pub(super) struct Calls {
    ready: Vec<Option<Pin<Box<dyn ErasedCall>>>>,
    /// The table to which the calls belong.
    table: u64,
}

/// Buffers that grew beyond this for one large packet are given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 256 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    pub(super) fn take(table: &Table) -> Box<Self> {
        let mut scratch = SPARE.take().unwrap_or_default();
        scratch.calls.belong_to(table);
        scratch
    }

    pub(super) fn put_back(self: Box<Self>) {
        SPARE.set(Some(self));
    }
}

impl Buffers {
    /// Lends a buffer to read into to a connection that has none.
    pub(super) fn lend_input(&mut self, input: &mut BytesMut) {
        if input.capacity() == 0 {
            *input = std::mem::take(&mut self.input);
        }
    }

    /// Lends a buffer to write into to a connection that has none.
    pub(super) fn lend_output(&mut self, output: &mut BytesMut) {
        if output.capacity() == 0 {
            *output = std::mem::take(&mut self.output);
        }
    }

    /// Takes the buffers back that hold nothing, with room for `least` bytes in each.
    pub(super) fn collect(&mut self, input: &mut BytesMut, output: &mut BytesMut, least: usize) {
        for (lent, kept) in [(input, &mut self.input), (output, &mut self.output)] {
            if lent.is_empty() && lent.capacity() > 0 {
                let mut buffer = std::mem::take(lent);
                // What was taken off the front comes back here, without a copy.
                buffer.reserve(least);
                if kept.capacity() == 0 && buffer.capacity() <= KEEP_AT_MOST {
                    *kept = buffer;
                }
            }
        }
    }
}

impl Calls {
    fn belong_to(&mut self, table: &Table) {
        if self.table != table.id() {
            self.ready.clear();
            self.ready.resize_with(table.len(), || None);
            self.table = table.id();
        }
    }

    /// A call of the route, ready to start.
    pub(super) fn take(&mut self, table: &Table, route: usize) -> Pin<Box<dyn ErasedCall>> {
        let ready = self.ready.get_mut(route).and_then(Option::take);
        ready.unwrap_or_else(|| table.route(route).handler.prepare())
    }

    /// Keeps a call that has ended, unless it holds something of the program's: a thread outlives a server.
    pub(super) fn keep(&mut self, route: usize, call: Pin<Box<dyn ErasedCall>>) {
        if call.is_reusable()
            && let Some(place) = self.ready.get_mut(route)
        {
            *place = Some(call);
        }
    }
}
