use std::io;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::scratch::Scratch;
use super::{Connection, End};
use crate::mux::ITEMS_SOFT;

/// Room to read into where much comes at once, in bytes.
const BULK: usize = 64 * 1024;

impl Connection {
    /// Takes over what handles have written, and grants anew what they have taken.
    pub(super) fn collect(&mut self) {
        let consumed = {
            let mut state = self.mux.lock();
            state.attended(self.number);
            state.drain_into(&mut self.output);
            self.unheld = state.abandoned && state.ours() == 0;
            state.take_consumed()
        };
        self.consume(consumed);
    }

    /// Bytes of the connection's window were taken.
    pub(super) fn consume(&mut self, bytes: usize) {
        if let Some(grant) = self.window.take(bytes) {
            self.framing.encode_credit(&mut self.output, 0, 0, grant);
        }
    }

    /// Writes what has gathered, as far as the other side takes it.
    pub(super) fn write(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        if self.output.capacity() == 0 && self.mux.lock().has_output() {
            scratch.buffers.lend_output(&mut self.output);
        }
        self.collect();
        // What calls have written, as they see it: what is compressed may be far less.
        let gathered = self.output.len();
        if self.payloads.is_some()
            && let Err(violation) = self.process(scratch)
        {
            return Err(self.object(&violation));
        }
        if self.output.is_empty() && !self.unflushed {
            return Ok(());
        }
        let before = self.output.len();
        while !self.output.is_empty() {
            match self.io.poll_write(context, &mut self.output) {
                Poll::Ready(written) => written.map_err(End::Io)?,
                Poll::Pending => break,
            };
        }
        self.sent();
        if self.output.is_empty() {
            // Only TLS keeps something back; it must be asked again until it has written all.
            self.unflushed = match self.io.poll_flush(context) {
                Poll::Ready(flushed) => {
                    flushed.map_err(End::Io)?;
                    false
                }
                Poll::Pending => true,
            };
        }
        self.pulse.wrote(self.output.is_empty() && !self.unflushed, self.output.len() < before);
        let left = self.output.len();
        self.mux.with(|state, woken| state.written(left, woken));
        // Only the step from too much to little enough is news to those who wait for room.
        if gathered > ITEMS_SOFT && left <= ITEMS_SOFT {
            self.running.wake_stalled();
        }
        Ok(())
    }

    /// Reads what has come; 0 bytes are the end.
    pub(super) fn read(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<io::Result<usize>> {
        ready!(self.io.poll_readable(context))?;
        scratch.buffers.lend_input(&mut self.input);
        let buf = self.serving.settings.buf;
        let least = if self.streaming { buf.max(BULK) } else { buf };
        if self.input.capacity() - self.input.len() < least / 4 {
            // The buffer grows with what has come, not with what was announced.
            let missing = self.needed.saturating_sub(self.input.len());
            self.input.reserve(missing.min(self.input.len() * 2).max(least));
        }
        let read = ready!(self.io.poll_read(context, &mut self.input))?;
        self.streaming = self.input.len() == self.input.capacity();
        self.pulse.heard(Instant::now());
        Poll::Ready(Ok(read))
    }
}
