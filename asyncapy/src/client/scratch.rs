use std::cell::Cell;

use bytes::BytesMut;

use crate::wire::Index;

/// What a call needs only while it runs; each thread keeps one, so that a request allocates none.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where a packet is written before the connection is locked: writing it runs code of others.
    pub(super) frame: BytesMut,
    /// Where a reply is indexed that is decoded at once.
    pub(super) index: Index,
}

/// A buffer that grew beyond this for one large packet is given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 256 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends the thread's scratch to `use_it`, which may well do the same in turn.
    pub(super) fn with<T>(use_it: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = SPARE.take().unwrap_or_default();
        scratch.frame.clear();
        let result = use_it(&mut scratch);
        if scratch.frame.capacity() <= KEEP_AT_MOST {
            SPARE.set(Some(scratch));
        }
        result
    }
}
