use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::circuit::{Change, Outcome};
use super::circuits::{Changes, Leave};
use super::connection::Connection;

/// What a call holds until it has ended: its place in the counts, and the breakers' leave.
pub struct Ticket {
    pub(super) connection: Arc<Connection>,
    /// None once the outcome is known, and in a session, where no breaker has a say.
    leave: Option<Leave>,
    /// When it began, where latencies matter.
    started: Option<Instant>,
    /// Whether the call belongs to this connection and no other.
    pub(super) pinned: bool,
}

impl Ticket {
    pub(super) fn new(connection: Arc<Connection>, leave: Option<Leave>, started: Option<Instant>) -> Self {
        connection.enter();
        let pinned = leave.is_none();
        Self { connection, leave, started, pinned }
    }

    /// Tells the breakers how the call went, and the balancing how long it took.
    pub(super) fn settle(&mut self, function: &str, outcome: Outcome, epoch: Instant) {
        let server = &self.connection.server;
        if let Some(leave) = self.leave.take() {
            let breakers = &server.settings.breakers;
            let changes = server.circuits.record(breakers, &leave, function, outcome, Instant::now);
            if changes != Changes::default() {
                self.tell(function, changes);
            }
        }
        // What failed says nothing of how long an answer takes; a caller that has gone neither.
        if let Some(started) = self.started.filter(|_| outcome == Outcome::Answered) {
            let now = Instant::now();
            server.load.measure(now - started, now - epoch);
        }
    }

    fn tell(&self, function: &str, changes: Changes) {
        let Connection { server, .. } = &*self.connection;
        let pause: Duration = server.settings.breakers.server.pause;
        match changes.server {
            Some(Change::Opened) => {
                warn!(part = "Client", server = ?server.name, "A server fails too often; it is left alone for {pause:?}");
            }
            Some(Change::Closed) => info!(part = "Client", server = ?server.name, "A server is well again"),
            None => {}
        }
        let pause: Duration = server.settings.breakers.function.pause;
        match changes.function {
            Some(Change::Opened) => {
                warn!(part = "Client", server = ?server.name, ?function, "A function fails too often; it is left alone for {pause:?}");
            }
            Some(Change::Closed) => {
                info!(part = "Client", server = ?server.name, ?function, "A function is well again");
            }
            None => {}
        }
    }
}

/// The call has ended, or nobody waits for it any more.
impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            let server = &self.connection.server;
            server.circuits.abandon(&server.settings.breakers, &leave, Instant::now);
        }
        self.connection.leave();
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.connection).finish()
    }
}
