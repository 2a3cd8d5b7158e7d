use tokio::time::Instant;
use tracing::warn;

use super::frames::Violation;
use super::{Connection, End};
use crate::error::Code;
use crate::mux::Side;
use crate::rpc::settings::Settings;

/// When something was last heard of the other side, and what is waited for.
pub(super) struct Pulse {
    /// The time, as of the last read: calls that end at once need no clock of their own.
    pub(super) now: Instant,
    heard: Instant,
    /// How many questions are unanswered.
    missed: u32,
    /// The first bytes of a frame that is not whole yet.
    pub(super) begun: Option<Instant>,
    /// The last progress of a write that is stuck.
    stuck: Option<Instant>,
    /// Until when the other side must have said HELLO, where nothing goes without.
    pub(super) greet_by: Option<Instant>,
    /// Until when the calls of the other side must have ended, where nobody on our side holds the connection any more.
    pub(super) end_by: Option<Instant>,
}

/// After so many unanswered questions the other side is taken for dead (protocol V3, "PING").
const MISSES: u32 = 2;

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self { now, heard: now, missed: 0, begun: None, stuck: None, greet_by: None, end_by: None }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.now = now;
        self.heard = now;
        self.missed = 0;
    }

    /// Some of the output was written, or not.
    pub(super) fn wrote(&mut self, all: bool, some: bool) {
        if all {
            self.stuck = None;
        } else if some || self.stuck.is_none() {
            self.stuck = Some(Instant::now());
        }
    }

    /// When the other side is to be asked whether it is there, or is not.
    pub(super) fn deadline(&self, settings: &Settings) -> Instant {
        self.heard + settings.ping_interval * (self.missed + 1)
    }
}

impl Connection {
    /// The next moment at which something is too late.
    pub(super) fn deadline(&self) -> Instant {
        let settings = &self.serving.settings;
        let pulse = &self.pulse;
        let all = [
            pulse.stuck.map(|since| since + settings.write_stall),
            pulse.begun.map(|since| since + settings.frame_deadline(self.needed)),
            pulse.greet_by,
            pulse.end_by,
            self.running.deadline(),
            self.queue.front().map(|queued| queued.until),
            self.mux.lock().deadline(),
        ];
        all.into_iter().flatten().fold(pulse.deadline(settings), Instant::min)
    }

    /// Does what the passing of a deadline asks for.
    pub(super) fn expire(&mut self) -> Option<End> {
        let now = Instant::now();
        self.pulse.now = now;
        let settings = &self.serving.settings;
        if self.pulse.stuck.is_some_and(|since| since + settings.write_stall <= now) {
            return Some(End::Stuck);
        }
        if self.pulse.begun.is_some_and(|since| since + settings.frame_deadline(self.needed) <= now) {
            let violation = Violation::new(Code::TimedOut, "a frame took too long");
            return Some(self.object(&violation));
        }
        if self.pulse.greet_by.is_some_and(|until| until <= now) {
            let code = if self.side == Side::Accepting { Code::TimedOut } else { Code::Unavailable };
            return Some(self.object(&Violation::new(code, "no HELLO has come in time")));
        }
        if self.pulse.end_by.is_some_and(|until| until <= now) {
            warn!(part = "Client handler", calls = self.running.len(), "Calls were cut");
            return Some(End::Closed);
        }
        if self.pulse.deadline(settings) <= now {
            if self.pulse.missed >= MISSES {
                return Some(End::Silent);
            }
            self.pulse.missed += 1;
            self.framing.encode_ping(&mut self.output, u64::from(self.pulse.missed).to_be_bytes(), false);
        }
        self.mux.with(|state, woken| {
            if state.deadline().is_some_and(|deadline| deadline <= now) {
                state.expire(now, woken);
            }
        });
        if self.running.deadline().is_some_and(|deadline| deadline <= now) {
            for place in self.running.expired(now) {
                self.give_up(place);
            }
        }
        while self.queue.front().is_some_and(|queued| queued.until <= now) {
            if let Some(queued) = self.queue.pop_front() {
                self.turn_away(queued);
            }
        }
        None
    }
}
