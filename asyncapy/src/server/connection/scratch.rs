use std::cell::Cell;
use std::pin::Pin;

use crate::dispatch::Table;
use crate::handler::ErasedCall;
use crate::mux::Buffers;
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

/// Calls that have ended and can be used again, by route.
#[derive(Default)]
pub(super) struct Calls {
    ready: Vec<Option<Pin<Box<dyn ErasedCall>>>>,
    /// The table to which the calls belong.
    table: u64,
}

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
