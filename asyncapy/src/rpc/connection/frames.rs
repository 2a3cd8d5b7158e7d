use std::borrow::Cow;

use bytes::{Buf, Bytes};
use tracing::debug;

use super::cancellation::Given;
use super::scratch::Scratch;
use super::{Connection, Target};
use crate::error::Code;
use crate::mux::{Arrival, Grant, MOST_CROSSING, Outcome, Side, TARGETS};
use crate::wire::Encoding;
use crate::wire::v3::{Fields, Flags, Frame, FrameKind, GoAway};

/// A rule of the protocol that the other side has broken: the connection ends.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) code: Code,
    pub(super) message: Cow<'static, str>,
}

impl Violation {
    pub(super) fn new(code: Code, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }
}

const NO_CREDIT: &str = "an item or a call was sent without credit";
const TOO_MANY: &str = "too many frames that ask for nothing";

impl Connection {
    /// Handles the frames that are there.
    pub(super) fn handle(&mut self, scratch: &mut Scratch) -> Result<(), Violation> {
        let mut input = std::mem::take(&mut self.input);
        let mut at = 0;
        self.held = false;
        let turn = self.number.saturating_add(scratch.turn);
        let handled = loop {
            let rest = &input[at..];
            if rest.is_empty() {
                self.needed = 0;
                break Ok(());
            }
            if self.number >= turn || self.output.len() > self.serving.settings.output_hard {
                self.held = true;
                break Ok(());
            }
            match self.framing.decode_v3(rest) {
                Ok(Ok(frame)) => {
                    let handled = match self.is_plain_item(&frame) {
                        true => self.items(&frame, rest, scratch),
                        false => self.take(&frame, rest, scratch).map(|()| frame.end),
                    };
                    match handled {
                        Ok(end) => at += end,
                        Err(violation) => break Err(violation),
                    }
                }
                Ok(Err(needed)) => {
                    self.needed = needed;
                    break Ok(());
                }
                Err(error) => {
                    self.unheard &= at == 0;
                    break self.no_frame(rest, &error);
                }
            }
        };
        self.unheard &= at == 0;
        input.advance(at);
        let begun = !input.is_empty() && !self.held;
        if !begun || at > 0 {
            self.pulse.begun = begun.then_some(self.pulse.now);
        } else {
            self.pulse.begun.get_or_insert(self.pulse.now);
        }
        self.input = input;
        handled
    }

    /// Handles one frame; `bytes` begin with it, `payload` is as it was before it was compressed or sealed.
    #[inline]
    pub(super) fn frame(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        payload: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), Violation> {
        match frame.kind {
            FrameKind::Open => self.open(frame, bytes, payload, scratch),
            FrameKind::Item => self.item(frame, payload, scratch),
            FrameKind::Error => self.error(frame, payload),
            FrameKind::Cancel => self.cancel(frame.stream),
            FrameKind::Credit => self.credit(frame),
            FrameKind::Ping => self.ping(frame),
            FrameKind::Hello => self.hello(frame, bytes),
            FrameKind::GoAway => self.goaway(payload, frame.encoding),
        }
    }

    /// An item, a result or an end has come.
    fn item(&mut self, frame: &Frame, payload: &[u8], scratch: &mut Scratch) -> Result<(), Violation> {
        let id = frame.stream;
        let ends = frame.flags.has(Flags::END);
        let empty = frame.flags.has(Flags::EMPTY);
        if ends && self.is_own(id) {
            let mut state = self.mux.lock();
            let arrival = if empty {
                state.end(id, Outcome::Empty, &mut scratch.woken)
            } else {
                state.result(id, frame.encoding, payload, &mut scratch.woken)
            };
            drop(state);
            wake(scratch);
            if arrival == Arrival::Stray {
                return self.stray(id);
            }
            return Ok(());
        }
        if empty {
            let mut state = self.mux.lock();
            let arrival = state.half_end(id, &mut scratch.woken);
            drop(state);
            wake(scratch);
            // Those that wait for their turn have no place yet; they are told when they have.
            if let Some(queued) = self.queue.iter_mut().find(|queued| queued.id == id && !queued.ended) {
                queued.ended = true;
                return Ok(());
            }
            return match arrival {
                Arrival::Stray => self.stray(id),
                _ => Ok(()),
            };
        }
        if !self.window.receive(payload.len()) {
            return Err(Violation::new(Code::FlowControl, NO_CREDIT));
        }
        if payload.is_empty() && !self.empties.spend() {
            return Err(Violation::new(Code::TooManyFrames, TOO_MANY));
        }
        let items = std::iter::once((frame.encoding, payload));
        let arrival = self.mux.lock().items(id, items, ends, &mut scratch.woken);
        wake(scratch);
        self.arrived(id, arrival)
    }

    /// Whether a frame is an item and nothing else, to be taken as it is.
    fn is_plain_item(&self, frame: &Frame) -> bool {
        self.payloads.is_none() && is_plain_item(frame)
    }

    /// Plain items have come: all that follow one another and differ in nothing but their payload are taken over under one
    /// lock. Gives how many bytes they have; `bytes` begin with the first of them.
    fn items(&mut self, first: &Frame, bytes: &[u8], scratch: &mut Scratch) -> Result<usize, Violation> {
        let Self { mux, window, framing, .. } = self;
        let prefix =
            bytes.get(framing.header_size().bytes()..).and_then(|bytes| bytes.first_chunk().copied());
        let (mut next, mut end, mut allowed) = (Some(first.payload.clone()), 0, true);
        let items = std::iter::from_fn(|| {
            let rest = &bytes[end..];
            let payload = next.take().or_else(|| framing.decode_alike(prefix?, rest))?;
            allowed = window.receive(payload.len());
            end += payload.end;
            allowed.then(|| (first.encoding, &rest[payload]))
        });
        let arrival = mux.lock().items(first.stream, items, false, &mut scratch.woken);
        wake(scratch);
        match allowed {
            true => self.arrived(first.stream, arrival).map(|()| end),
            false => Err(Violation::new(Code::FlowControl, NO_CREDIT)),
        }
    }

    /// What has come of an item.
    fn arrived(&mut self, id: u32, arrival: Arrival) -> Result<(), Violation> {
        match arrival {
            Arrival::Taken => Ok(()),
            Arrival::Stray => self.stray(id),
            Arrival::NoCredit => Err(Violation::new(Code::FlowControl, NO_CREDIT)),
        }
    }

    /// A frame for a stream that is no more, or that never was.
    fn stray(&mut self, id: u32) -> Result<(), Violation> {
        if !self.is_known(id) {
            return Err(Violation::new(
                Code::ProtocolViolation,
                "a frame for a stream that nobody has opened",
            ));
        }
        let crossing = self.mux.lock().take_crossing();
        self.crossing = (self.crossing + crossing).min(MOST_CROSSING);
        // What was sent before the other side knew of the end costs it nothing.
        if self.crossing > 0 {
            self.crossing -= 1;
            return Ok(());
        }
        if !self.strays.spend() {
            return Err(Violation::new(Code::TooManyFrames, TOO_MANY));
        }
        Ok(())
    }

    /// Whether a number is one that only we may give (protocol V3, "Streams").
    pub(super) fn is_own(&self, id: u32) -> bool {
        (id % 2 == 1) == (self.side == Side::Connecting)
    }

    /// Whether a stream was opened at some time, by whichever side.
    fn is_known(&self, id: u32) -> bool {
        if self.is_own(id) { self.mux.lock().was_opened(id) } else { id <= self.seen }
    }

    /// The other side gives a stream up, and says why.
    fn error(&mut self, frame: &Frame, payload: &[u8]) -> Result<(), Violation> {
        let encoding = frame.encoding.unwrap_or(Encoding::Json);
        let outcome = Outcome::Failed { encoding, payload: Bytes::copy_from_slice(payload) };
        self.give_way(frame.stream, outcome)
    }

    /// The other side wants nothing more of a stream.
    fn cancel(&mut self, id: u32) -> Result<(), Violation> {
        self.give_way(id, Outcome::Local(Code::Cancelled, "the other side has given it up"))
    }

    /// Ends a stream as the other side wants it.
    fn give_way(&mut self, id: u32, outcome: Outcome) -> Result<(), Violation> {
        if self.is_own(id) {
            // Every stream of ours ends once: that needs no budget.
            return match self.mux.with(|state, woken| state.end(id, outcome, woken)) {
                Arrival::Stray => self.stray(id),
                _ => Ok(()),
            };
        }
        match self.cancel_call(id, outcome) {
            None => self.stray(id),
            // Whoever gives up what has taken its time, or has given something, has not opened it in order to cancel.
            Some(Given::Work) => Ok(()),
            Some(Given::Nothing) if self.cancels.spend() => Ok(()),
            Some(Given::Nothing) => Err(Violation::new(Code::TooManyFrames, TOO_MANY)),
        }
    }

    fn credit(&mut self, frame: &Frame) -> Result<(), Violation> {
        let Fields::Credit { items, bytes } = frame.fields else { return Ok(()) };
        let id = frame.stream;
        let dry = id == 0 && self.mux.lock().connection_credit() <= 0;
        let streams =
            match self.places.get(&id).copied().and_then(|place| Some((place, self.running.get(place)?))) {
                // A stream of items that a call gives: its credit stands with the call.
                Some((place, work)) if work.channel.is_none() => {
                    let grant = work.credit.add(items, bytes);
                    if let Some(waker) = self.running.waker(place) {
                        waker.wake();
                    }
                    Some(grant)
                }
                _ => match self.queue.iter_mut().find(|queued| queued.id == id) {
                    Some(queued) if queued.key.is_none() => Some(queued.credit.add(items, bytes)),
                    _ => self.mux.with(|state, woken| state.credit(id, items, bytes, woken)),
                },
            };
        if dry {
            self.running.wake_stalled();
        }
        match streams {
            Some(Grant::Earned) => Ok(()),
            Some(Grant::BeyondReason) => {
                Err(Violation::new(Code::FlowControl, "more credit than anybody could mean"))
            }
            None => self.stray(id),
            Some(Grant::Unearned) => self.spend_control(),
        }
    }

    fn ping(&mut self, frame: &Frame) -> Result<(), Violation> {
        let Fields::Ping(data) = frame.fields else { return Ok(()) };
        self.spend_control()?;
        if frame.flags.has(Flags::ACK) {
            return Ok(());
        }
        self.framing.encode_ping(&mut self.output, data, true);
        Ok(())
    }

    /// A frame that asks for next to nothing has come.
    fn spend_control(&mut self) -> Result<(), Violation> {
        match self.control.spend() {
            true => Ok(()),
            false => Err(Violation::new(Code::TooManyFrames, TOO_MANY)),
        }
    }

    fn goaway(&mut self, payload: &[u8], encoding: Option<Encoding>) -> Result<(), Violation> {
        self.spend_control()?;
        let goaway = GoAway::read(payload, encoding.unwrap_or(Encoding::Json))
            .map_err(|error| Violation::new(error.code(), "the GOAWAY cannot be read"))?;
        if let Some(code) = &goaway.error {
            debug!(part = "Client handler", code = ?code, message = ?goaway.message, "The other side objects");
            let encoding = encoding.unwrap_or(Encoding::Json);
            self.mux.with(|state, woken| state.dismiss(goaway.last, encoding, payload, woken));
            self.dismissed = true;
            return Ok(());
        }
        let why = "the other side is going away";
        self.mux.with(|state, woken| state.drain(goaway.last, &Code::ShuttingDown, why, woken));
        Ok(())
    }

    /// What the number of a target stands for.
    pub(super) fn target(&mut self, frame: &Frame, bytes: &[u8]) -> Option<Target> {
        let Fields::Open { target, ref name, .. } = frame.fields else { return None };
        let at = usize::from(target);
        let Some(name) = name else { return self.targets.get(at).cloned().flatten() };
        let name = std::str::from_utf8(&bytes[name.clone()]).unwrap_or_default();
        let meant = match self.serving.functions.find(name) {
            Some(function) => Target::Function(function),
            None => Target::Unknown(name.into()),
        };
        if target != 0 && target < TARGETS {
            if self.targets.len() <= at {
                self.targets.resize(at + 1, None);
            }
            self.targets[at] = Some(meant.clone());
        }
        Some(meant)
    }
}

/// Whether a frame is an item and nothing else; an empty one is not, since it is counted.
fn is_plain_item(frame: &Frame) -> bool {
    frame.kind == FrameKind::Item && frame.flags == Flags::NONE && !frame.payload.is_empty()
}

/// Wakes whom the last frame concerns, now that no lock is held.
fn wake(scratch: &mut Scratch) {
    scratch.woken.drain(..).for_each(std::task::Waker::wake);
}
