use std::collections::VecDeque;

use super::received::Received;

/// So many packets wait at most to be received.
const MOST: usize = 1024;
/// Above so many bytes nothing more is read, either.
const MOST_BYTES: usize = 1024 * 1024;

/// Packets for which no request waits.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    packets: VecDeque<Received>,
    bytes: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, received: Received) {
        self.bytes += received.frame.len();
        self.packets.push_back(received);
    }

    pub(super) fn pop(&mut self) -> Option<Received> {
        let received = self.packets.pop_front()?;
        self.bytes -= received.frame.len();
        Some(received)
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// What came last.
    pub(super) fn last(&self) -> Option<&Received> {
        self.packets.back()
    }

    /// Whether the server must wait until somebody has received something.
    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= MOST || self.bytes > MOST_BYTES
    }
}
