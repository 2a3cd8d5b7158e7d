use std::cell::Cell;

use bytes::BytesMut;

thread_local! {
    /// Where a frame is written before the connection is locked: writing it runs code of others.
    static FRAME: Cell<BytesMut> = Cell::default();
}

/// A buffer that grew beyond this for one large frame is given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 256 * 1024;

/// Lends the thread's buffer, which is empty, for as long as a frame is written and handed on.
pub(super) fn lend<T>(write: impl FnOnce(&mut BytesMut) -> T) -> T {
    let mut frame = FRAME.take();
    frame.clear();
    let result = write(&mut frame);
    if frame.capacity() <= KEEP_AT_MOST {
        FRAME.set(frame);
    }
    result
}
