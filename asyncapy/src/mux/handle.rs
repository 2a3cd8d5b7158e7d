use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;

use super::{Key, Mux, Outcome};

/// Our end of one stream. Dropped before the stream has ended, it cancels it.
pub(crate) struct Handle {
    mux: Arc<Mux>,
    key: Key,
    /// Whether the end was taken, and the place with it.
    over: bool,
}

impl Handle {
    pub(crate) fn new(mux: Arc<Mux>, key: Key) -> Self {
        Self { mux, key, over: false }
    }

    pub(crate) fn mux(&self) -> &Arc<Mux> {
        &self.mux
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// How the stream has ended, with its result in `buffer`; told once.
    pub(crate) fn poll_outcome(&mut self, context: &Context<'_>, buffer: &mut Vec<u8>) -> Poll<Outcome> {
        let polled = self.mux.poll_outcome(self.key, context, buffer);
        self.over = polled.is_ready();
        polled
    }

    /// Sends an encoded ITEM with `payload` bytes in it; false if the stream takes nothing more.
    pub(crate) fn poll_send(
        &self,
        context: &Context<'_>,
        frame: &mut BytesMut,
        payload: usize,
    ) -> Poll<bool> {
        self.mux.poll_send(self.key, context, frame, payload)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        self.mux.finish(self.key);
    }

    /// How the stream has ended, if it has; may be asked again.
    pub(crate) fn outcome(&self) -> Option<(Outcome, Vec<u8>)> {
        self.mux.outcome(self.key)
    }

    /// Waits for the stream's end.
    pub(crate) async fn ended(&self) {
        poll_fn(|context| self.mux.poll_ended(self.key, context)).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.over {
            self.mux.release(self.key);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.key.id).finish()
    }
}
