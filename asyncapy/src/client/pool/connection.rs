use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::server::Server;
use crate::rpc::Peer;

/// A connection of the pool.
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) server: Arc<Server>,
    /// Calls under way: the connection with the fewest takes the next one.
    in_flight: AtomicU32,
    /// Whether it was chosen since the last look: who is not used for long is closed.
    used: AtomicBool,
    /// Whether its loss was counted.
    lost: AtomicBool,
}

impl Connection {
    pub(super) fn new(peer: Peer, server: Arc<Server>) -> Self {
        Self {
            peer,
            server,
            in_flight: AtomicU32::new(0),
            used: AtomicBool::new(true),
            lost: AtomicBool::new(false),
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.server.load.enter();
        // A line that many threads read is written only when it changes.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.server.load.leave();
        self.server.left();
    }

    /// Says that the connection is lost: true to the first who does.
    pub(super) fn lose(&self) -> bool {
        !self.lost.swap(true, Ordering::Relaxed)
    }

    /// Whether nobody has called since this was asked last, and nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        !self.used.swap(false, Ordering::Relaxed) && self.in_flight() == 0
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).field("in_flight", &self.in_flight()).finish()
    }
}
