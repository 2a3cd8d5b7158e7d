use super::ticket::Ticket;
use crate::error::Code;
use crate::rpc::{Kept, Status};

/// The ticket of a stream or a channel that is open: it is under way until that has ended, and its end counts for the
/// breakers as that of a call does.
pub(super) struct OpenStream {
    ticket: Ticket,
    function: Box<str>,
    /// Whether an item has come.
    answered: bool,
}

impl OpenStream {
    pub(super) fn new(mut ticket: Ticket, function: &str) -> Self {
        // How long a stream takes says nothing of how fast the server is.
        ticket.started = None;
        Self { ticket, function: function.into(), answered: false }
    }
}

impl Kept for OpenStream {
    fn answered(&mut self) {
        self.answered = true;
        self.ticket.answered(&self.function);
    }

    fn ended(&mut self, failure: Option<&Status>) {
        // Whoever gives items answers: that there was no time for more is no failure of the server.
        let late = |failure: &Status| matches!(failure.code, Code::DeadlineExceeded | Code::HandlerTimedOut);
        let failure = failure.filter(|failure| !self.answered || !late(failure));
        self.ticket.end(&self.function, failure, None);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        // Given up before its end: what has come says that the server answers.
        if self.answered {
            self.ticket.end(&self.function, None, None);
        }
    }
}
