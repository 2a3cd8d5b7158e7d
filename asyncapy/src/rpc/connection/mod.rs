//! One V3 connection: reading, running calls and writing, all in one task, the same on both sides.
//!
//! [`Connection::poll`] is the whole of it: poll the calls that were woken, write what has gathered, read what has come,
//! then wait for whichever happens first.
//!
//! - [`transfer`]: what is read and written, [`payloads`] what is done to payloads, [`frames`] what each frame means.
//! - [`opening`]: a stream that the other side opens, or why not; [`queue`] its turn, [`calls`] its way to the answer,
//!   [`running`] the calls that wait for something, [`cancellation`] those that end before their answer.
//! - [`greeting`]: what is agreed on at first, [`refusal`] what comes instead of an agreement, [`pulse`] the deadlines of
//!   the connection itself, [`end`] its end.

mod calls;
mod cancellation;
mod end;
mod frames;
mod greeting;
mod opening;
mod payloads;
mod pulse;
mod queue;
mod refusal;
mod running;
mod scratch;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::time::Instant;
use tracing::debug;

pub(crate) use self::end::End;
#[cfg(feature = "sealed")]
use self::greeting::Begun;
use self::payloads::Payloads;
use self::pulse::Pulse;
use self::queue::{Queued, Turn};
use self::running::Running;
use self::scratch::Scratch;
use super::Peer;
use super::context::CallContext;
use super::serving::{Counters, Serving};
use crate::error::Code;
use crate::handler::Client;
use crate::handler::session::{Core, Phase};
use crate::mux::{Budget, ConnectionWindow, Io, Mux, Side, Timer};
use crate::wire::v3::{Hello, Metadata};
use crate::wire::{Encoding, Framing};

/// A V3 connection.
pub(crate) struct Connection {
    pub(crate) io: Io,
    /// What was read and not yet handled. Lent by the thread while there is nothing in it.
    pub(crate) input: BytesMut,
    /// What is to be written.
    pub(crate) output: BytesMut,
    client: Client,
    mux: Arc<Mux>,
    framing: Framing,
    side: Side,
    serving: Arc<Serving>,
    context: CallContext,
    running: Running,
    /// Where the calls of the other side stand that are running, by stream.
    places: HashMap<u32, u32>,
    /// Calls that wait for their turn.
    queue: VecDeque<Queued>,
    turn: Turn,
    /// What the numbers stand for by which the other side names functions.
    targets: Vec<Option<Target>>,
    /// The number of the last stream that the other side has opened.
    last: u32,
    /// The same, with those that came after our GOAWAY and are not run.
    seen: u32,
    /// What the other side may still send.
    window: ConnectionWindow,
    control: Budget,
    empties: Budget,
    cancels: Budget,
    strays: Budget,
    /// Frames that may still come for streams that have ended.
    crossing: u32,
    pulse: Pulse,
    /// What is done to payloads, if anything.
    payloads: Option<Box<Payloads>>,
    /// The longest frame that is taken once the other side is known; before that less may be.
    packet_size: u32,
    /// What we say at first, if anything.
    hello: Option<Hello>,
    /// Our part of the agreement on how to seal, until the other side's is there.
    #[cfg(feature = "sealed")]
    begun: Option<Box<Begun>>,
    /// Whether the other side, if we have connected to it, has had no frame yet: it may refuse the connection.
    unheard: bool,
    /// Whether the other side has said its own.
    greeted: bool,
    /// Whether the other side may call: where credentials are asked for, they come first.
    admitted: bool,
    /// Whether nobody on our side holds the connection any more, by a handle or by a stream.
    unheld: bool,
    /// Whether we have said that we take no more streams.
    leaving: bool,
    /// Whether the other side has ended the connection.
    dismissed: bool,
    /// Why the connection ends, where the other side has broken a rule.
    objection: Option<&'static str>,
    /// The bytes that the frame which has begun needs in all, as far as is known.
    needed: usize,
    /// Whether frames that have come wait for room in the output.
    held: bool,
    /// Whether the last read has filled the buffer, so that a larger one saves reads.
    streaming: bool,
    /// Whether the stream has taken all output and not yet written it.
    unflushed: bool,
    number: u64,
}

/// What a target's number stands for.
#[derive(Clone)]
enum Target {
    Function(usize),
    Unknown(Box<str>),
}

/// So often a connection goes on by itself before others on its thread have their turn.
const ROUNDS: u32 = 16;

/// What a connection is made of.
pub(crate) struct Parts {
    pub(crate) io: Io,
    pub(crate) core: Arc<Core>,
    pub(crate) framing: Framing,
    pub(crate) side: Side,
    pub(crate) serving: Arc<Serving>,
    /// The encoding of what we say first.
    pub(crate) encoding: Encoding,
    /// How long our calls may take if nothing else is said.
    pub(crate) timeout: std::time::Duration,
    /// What we say at first.
    pub(crate) hello: Option<Hello>,
    /// What was read already.
    pub(crate) input: BytesMut,
}

impl Connection {
    pub(crate) fn new(parts: Parts) -> Self {
        let mux = Arc::new(Mux::new(parts.framing, parts.side));
        let client = Client::new(parts.core);
        // Its own peer does not keep the connection open.
        let peer = Peer::new(mux.clone(), parts.encoding, parts.timeout, client.session(), false);
        let now = Instant::now();
        let streams = u32::try_from(parts.serving.settings.streams).unwrap_or(u32::MAX);
        let packet_size = parts.framing.max_packet_size();
        let mut payloads = Payloads::new(&parts.serving.pipeline, parts.framing, mux.longest());
        if let Some(payloads) = &mut payloads {
            mux.set_longest(payloads.set_longest(mux.longest()));
        }
        let mut pulse = Pulse::new(now);
        let mut framing = parts.framing;
        if parts.serving.must_agree(parts.side) {
            let settings = &parts.serving.settings;
            framing = framing.with_max_packet_size(packet_size.min(settings.packet_size_unauthenticated));
            pulse.greet_by = Some(now + settings.handshake_timeout);
        }
        if parts.serving.pipeline.is_sealed() {
            mux.lock().hold();
        }
        let admitted = !parts.serving.must_be_admitted(parts.side);
        Self {
            io: parts.io,
            input: parts.input,
            output: BytesMut::new(),
            client,
            mux,
            framing,
            side: parts.side,
            serving: parts.serving,
            context: CallContext {
                peer,
                stream: 0,
                encoding: parts.encoding,
                metadata: Metadata::default(),
                deadline: None,
                ended: true,
                entered: None.into(),
                channel: None.into(),
                handle: None.into(),
                cancelled: std::cell::OnceCell::new(),
            },
            running: Running::default(),
            places: HashMap::new(),
            queue: VecDeque::new(),
            turn: Turn::default(),
            targets: Vec::new(),
            last: 0,
            seen: 0,
            window: ConnectionWindow::new(),
            control: Budget::new(200, now),
            empties: Budget::new(100, now),
            // Whoever drops all of his streams at once has done nothing wrong.
            cancels: Budget::refilling(streams.saturating_add(100), 100, now),
            strays: Budget::new(4096, now),
            crossing: 0,
            pulse,
            payloads,
            packet_size,
            hello: parts.hello,
            #[cfg(feature = "sealed")]
            begun: None,
            unheard: parts.side == Side::Connecting,
            greeted: false,
            admitted,
            unheld: false,
            leaving: false,
            dismissed: false,
            objection: None,
            needed: 0,
            held: false,
            streaming: false,
            unflushed: false,
            number: 0,
        }
    }

    /// A handle to the other side that keeps the connection open.
    pub(crate) fn owner(&self) -> Peer {
        let peer = &self.context.peer;
        Peer::new(self.mux.clone(), peer.encoding(), peer.timeout(), self.client.session(), true)
    }

    fn core(&self) -> &Arc<Core> {
        self.client.core()
    }

    /// Runs the connection to its end; what is left to be written is in `output`.
    pub(crate) async fn run(&mut self) -> End {
        let end = if let Err(violation) = self.greet() {
            self.object(&violation)
        } else {
            let mut sleep = pin!(tokio::time::sleep_until(self.pulse.deadline(&self.serving.settings)));
            let mut timer = Timer::new(sleep.as_mut());
            let mut gathered = false;
            poll_fn(|context| {
                // The runtime runs this task right after the one that woke it. It steps back once, so that one write
                // takes the calls of all tasks whose turn it is.
                gathered = !gathered && self.mux.lock().take_gathering();
                if gathered {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.poll(context, &mut timer)
            })
            .await
        };
        self.let_go_of_all();
        let (code, why) = match &end {
            End::Protocol(code) => {
                (code.clone(), self.objection.unwrap_or("the other side has broken a rule of the protocol"))
            }
            End::Silent => (Code::Unavailable, "the other side is silent"),
            _ => (Code::Unavailable, "the connection is closed"),
        };
        self.mux.with(|state, woken| {
            state.drain_into(&mut self.output);
            state.over(&code, why, woken);
        });
        if let Err(violation) = self.process(&mut Scratch::default()) {
            debug!(part = "Client handler", code = %violation.code, "The last frames cannot be sent");
        }
        debug!(part = "Client handler", reason = ?end, "Closing");
        end
    }

    fn poll(&mut self, context: &mut Context<'_>, timer: &mut Timer<'_>) -> Poll<End> {
        self.core().outbox.attended();
        let serving = self.serving.clone();
        let mut scratch = Scratch::take(&serving.functions, &self.mux);
        let before = self.number;
        let polled = self.drive(context, timer, &mut scratch);
        Counters::add(&serving.counters.calls, self.number - before);
        scratch.buffers.collect(&mut self.input, &mut self.output, serving.settings.buf);
        scratch.put_back();
        polled
    }

    fn drive(
        &mut self,
        context: &mut Context<'_>,
        timer: &mut Timer<'_>,
        scratch: &mut Scratch,
    ) -> Poll<End> {
        let mut rounds = 0;
        loop {
            match self.core().phase() {
                Phase::Cut => return Poll::Ready(End::Cut),
                Phase::Closing => self.leave(),
                Phase::Open => {}
            }
            self.resume(scratch);
            self.serve_queue(context, scratch);
            if let Err(violation) = self.handle(scratch) {
                return Poll::Ready(self.object(&violation));
            }
            if self.dismissed {
                return Poll::Ready(End::Closed);
            }
            if !self.queue.is_empty() {
                // What came may wait for a turn, or have given one back.
                self.serve_queue(context, scratch);
            }
            if let Err(end) = self.write(context, scratch) {
                return Poll::Ready(end);
            }
            if self.is_done() {
                return Poll::Ready(End::Closed);
            }
            if self.unheld && self.wind_up() {
                continue;
            }
            // Whoever reads nothing of what it is sent is not listened to either.
            if self.output.len() <= self.serving.settings.output_hard {
                if self.held {
                    continue;
                }
                match self.read(context, scratch) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(End::PeerClosed),
                    Poll::Ready(Ok(_)) => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready(End::Io(error)),
                    Poll::Pending => {}
                }
            }
            if timer.poll(context, self.deadline()).is_ready() {
                if let Some(end) = self.expire() {
                    return Poll::Ready(end);
                }
                continue;
            }
            if self.running.attend(context.waker()) || self.mux.lock().attend(context.waker()) {
                rounds += 1;
                if rounds > ROUNDS {
                    // A call that wakes itself again and again is not all that there is.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                continue;
            }
            let closing = self.core().phase() != Phase::Open && !self.leaving;
            if !self.core().outbox.poll_filled(context.waker())
                && !closing
                && self.core().phase() != Phase::Cut
            {
                return Poll::Pending;
            }
        }
    }
}
