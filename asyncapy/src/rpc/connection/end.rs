use std::borrow::Cow;
use std::io;

use tokio::time::Instant;
use tracing::debug;

use super::Connection;
use super::frames::Violation;
use crate::error::Code;
use crate::wire::Encoding;
use crate::wire::v3::GoAway;

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The other side has closed.
    PeerClosed,
    /// We have closed, and what was under way has ended.
    Closed,
    /// The other side has broken a rule, and was told which.
    Protocol(Code),
    /// The other side is silent.
    Silent,
    /// The other side does not read what it is sent.
    Stuck,
    /// A shutdown's deadline has passed.
    Cut,
    /// The operating system said no.
    Io(io::Error),
}

impl Connection {
    /// Says that no new streams are taken; those that are there go on to their end.
    pub(super) fn leave(&mut self) {
        if std::mem::replace(&mut self.leaving, true) {
            return;
        }
        self.mux.with(|state, woken| state.close(woken));
        self.say_goodbye(None);
    }

    /// Nobody on our side holds the connection any more: what the other side has begun goes on to its end, which must come
    /// in time. Gives whether the other side is yet to be told, by what has just been put out.
    pub(super) fn wind_up(&mut self) -> bool {
        // What is only to be written is done soon, or not at all.
        if self.pulse.end_by.is_some() || (self.running.len() == 0 && self.queue.is_empty()) {
            return false;
        }
        self.pulse.end_by = Instant::now().checked_add(self.serving.settings.handler_timeout);
        let told = self.leaving;
        self.leave();
        !told
    }

    fn say_goodbye(&mut self, violation: Option<&Violation>) {
        let goaway = GoAway {
            last: self.last,
            error: violation.map(|violation| violation.code.clone()),
            message: violation.map(|violation| violation.message.clone().into_owned()),
        };
        if let Err(error) = self.mux.outgoing().encode_goaway(&mut self.output, Encoding::Json, &goaway) {
            debug!(part = "Client handler", %error, "A GOAWAY does not fit the header");
        }
    }

    /// Tells the other side which rule it has broken.
    pub(super) fn object(&mut self, violation: &Violation) -> End {
        self.collect();
        self.say_goodbye(Some(violation));
        if let Cow::Borrowed(why) = violation.message {
            self.objection = Some(why);
        }
        End::Protocol(violation.code.clone())
    }

    /// Whether all is said and done.
    pub(super) fn is_done(&self) -> bool {
        if self.running.len() > 0 || !self.queue.is_empty() || !self.output.is_empty() || self.unflushed {
            return false;
        }
        let state = self.mux.lock();
        state.ours() == 0 && !state.has_output() && (self.leaving || state.abandoned || state.is_draining())
    }
}
