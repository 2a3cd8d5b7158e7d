use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::circuit::{Change, Outcome};
use super::circuits::{Changes, Leave};
use super::connection::Connection;
use crate::error::Code;
use crate::rpc::Status;

/// What a call holds until it has ended: its place in the counts, and the breakers' leave.
pub struct Ticket {
    pub(super) connection: Arc<Connection>,
    /// None once the outcome is known, and in a session, where no breaker has a say.
    leave: Option<Leave>,
    /// When it began, where latencies matter.
    pub(super) started: Option<Instant>,
    /// Whether the call belongs to this connection and no other.
    pub(super) pinned: bool,
}

impl Ticket {
    pub(super) fn new(connection: Arc<Connection>, leave: Option<Leave>, started: Option<Instant>) -> Self {
        connection.enter();
        let pinned = leave.is_none();
        Self { connection, leave, started, pinned }
    }

    /// The call has ended, well or with a failure: the breakers are told, and the balancing how long it took since
    /// `epoch` where that matters. Whether the connection is still open.
    pub(super) fn end(&mut self, function: &str, failure: Option<&Status>, epoch: Option<Instant>) -> bool {
        let connection = &self.connection;
        let is_open = failure.is_none() || connection.peer.is_open();
        let mut outcome = failure.map_or(Outcome::Answered, outcome_of);
        if !is_open {
            // Before its task has noticed: the next call is not to find it.
            connection.server.remove(connection);
            // A connection is lost once, however many calls are lost with it.
            if outcome == Outcome::Failed && !connection.lose() {
                outcome = Outcome::Unknown;
            }
        }
        self.settle(function, outcome, epoch);
        is_open
    }

    /// A stream has given its first item: if it is a probe, it has come off.
    pub(super) fn answered(&mut self, function: &str) {
        let server = &self.connection.server;
        let Some(leave) = &mut self.leave else { return };
        let changes = server.circuits.answered(&server.settings.breakers, leave, function, Instant::now);
        if changes != Changes::default() {
            self.tell(function, changes);
        }
    }

    fn settle(&mut self, function: &str, outcome: Outcome, epoch: Option<Instant>) {
        let server = &self.connection.server;
        if let Some(leave) = self.leave.take() {
            let breakers = &server.settings.breakers;
            let changes = server.circuits.record(breakers, &leave, function, outcome, Instant::now);
            if changes != Changes::default() {
                self.tell(function, changes);
            }
        }
        // What failed says nothing of how long an answer takes; a caller that has gone neither.
        if let (Some(started), Some(epoch), Outcome::Answered) = (self.started, epoch, outcome) {
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

/// What a failure says of the server.
fn outcome_of(failure: &Status) -> Outcome {
    match failure.code {
        // A server that leaves in order has not failed, and a call that was late before it began tells nothing.
        Code::ShuttingDown | Code::Cancelled => Outcome::Unknown,
        Code::DeadlineExceeded if failure.was_not_run() => Outcome::Unknown,
        Code::Unavailable
        | Code::TimedOut
        | Code::DeadlineExceeded
        | Code::HandlerTimedOut
        | Code::Overloaded
        | Code::TooManyStreams => Outcome::Failed,
        // What was never sent says nothing of the server.
        _ if failure.was_not_run() => Outcome::Unknown,
        _ => Outcome::Answered,
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
