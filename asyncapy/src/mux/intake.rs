use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::credit::{Room, START_CONNECTION};
use super::inbox::{Inbox, Taken};
use super::{Handle, Key, Mux, STREAMS};

/// The receiving end of a stream: takes what has come, as much as is there at a time, and grants anew what was taken.
///
/// What it holds counts as not taken until it is asked for.
pub(crate) struct Intake {
    mux: Arc<Mux>,
    key: Key,
    inbox: Inbox,
    room: Room,
    /// Bytes that were taken, and that the connection has not heard of.
    untold: usize,
}

/// So many bytes are told although no grant is due: whoever never asks again holds less back, so that as many streams as
/// there may be do not use up the connection's window.
const UNTOLD: usize = START_CONNECTION as usize / 2 / STREAMS;

impl Intake {
    pub(crate) fn new(handle: &Handle) -> Self {
        let (mux, key) = (handle.mux().clone(), handle.key());
        let room = Room::new(mux.lock().streams());
        Self { mux, key, inbox: Inbox::default(), room, untold: 0 }
    }

    /// The next item; none once the other side sends no more.
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Taken<'_>>> {
        if self.inbox.is_empty() {
            let told = std::mem::take(&mut self.untold);
            let polled = self.mux.poll_inbox(self.key, context, &mut self.inbox, told);
            if polled.is_pending() {
                self.room.starve();
            }
            if !ready!(polled) {
                return Poll::Ready(None);
            }
        }
        let Some(taken) = self.inbox.take() else { return Poll::Ready(None) };
        let bytes = taken.payload.len();
        self.untold += bytes;
        if self.room.take(bytes) {
            let told = std::mem::take(&mut self.untold);
            self.mux.grant(self.key, &mut self.room, told);
        } else if self.untold >= UNTOLD {
            self.mux.give_back(std::mem::take(&mut self.untold));
        }
        Poll::Ready(Some(taken))
    }
}

/// What nobody will take counts as taken, or the connection would dry up.
impl Drop for Intake {
    fn drop(&mut self) {
        self.mux.deafen(self.key, self.untold + self.inbox.bytes());
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("stream", &self.key.id)
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}
