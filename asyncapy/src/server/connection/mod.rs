//! One connection: reading, handling and writing, all in one task.
//!
//! [`Connection::poll`] is the whole of it: handle what is there, write what has gathered, read what has come, then
//! wait for whichever happens first. [`packet`](self::packet) holds the way of one packet through the groups,
//! [`scratch`] what a connection needs only while it runs, [`timer`] its one timer, [`farewell`] how it ends.

mod farewell;
mod packet;
mod scratch;
mod streams;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use self::packet::{Current, Running, Turn};
use self::scratch::Scratch;
use super::shared::{Counters, Shared};
use crate::error::{Code, Failure};
use crate::handler::session::{Core, Phase};
use crate::handler::{Address, Client, error_packet};
use crate::mux::{Io, Timer};
use crate::wire::{Encoding, v3};

/// A connection whose session has been entered; it leaves when dropped.
pub(crate) struct Connection {
    stream: Io,
    client: Client,
    shared: Arc<Shared>,
    /// What was read and not yet handled. Lent by the thread while there is nothing in it.
    input: BytesMut,
    /// What was written by handlers and not yet sent.
    output: BytesMut,
    /// The packet in hand: packets of a session are handled one at a time (protocol V2, rule 5).
    current: Option<Current>,
    /// Its wait for a turn, where too many handlers run.
    turn: Option<Box<Turn>>,
    /// Its handler, where that waits for something.
    running: Option<Running>,
    /// The number of the last packet.
    number: u64,
    /// The bytes that the packet which has begun needs in all, as far as is known.
    needed: usize,
    /// The end of the last packet; the clock is read once a batch.
    idle_since: Instant,
    /// The first bytes of a packet that is not whole yet.
    begun: Option<Instant>,
    /// The last progress of a write that is stuck.
    stuck_since: Option<Instant>,
    /// Whether a packet was finished since the clock was read.
    finished: bool,
    /// Whether the stream has taken all output and not yet written it.
    unflushed: bool,
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// It does not: the first frame is one of protocol V3.
    Streams,
    /// The client has said all that it wanted to.
    PeerClosed,
    /// A handler, another session or the shutdown asked for it.
    Closed,
    /// No whole packet came in time (protocol V2, rule 4); the client has been told.
    TimedOut,
    /// What came is no packet (protocol V2, rule 2); the client has been told.
    Protocol(Code),
    /// The client does not read what it is sent.
    Stuck,
    /// The shutdown's deadline has passed.
    Cut,
    /// The operating system said no.
    Io(io::Error),
}

/// How far the handling of what was read has come.
enum Step {
    /// All whole packets are handled.
    NeedInput,
    /// A handler waits for something, or for its turn.
    Waiting,
    /// So much output has gathered that the client must read first.
    Full,
    End(End),
}

impl Connection {
    pub(crate) fn new(stream: Io, core: Arc<Core>, shared: Arc<Shared>) -> Self {
        Self {
            stream,
            client: Client::new(core),
            shared,
            input: BytesMut::new(),
            output: BytesMut::new(),
            current: None,
            turn: None,
            running: None,
            number: 0,
            needed: 0,
            idle_since: Instant::now(),
            begun: None,
            stuck_since: None,
            finished: false,
            unflushed: false,
        }
    }

    pub(crate) fn address(&self) -> Address {
        self.core().address
    }

    fn core(&self) -> &Arc<Core> {
        self.client.core()
    }

    /// Serves the connection to its end, and says why it came.
    pub(crate) async fn serve(mut self) -> End {
        info!(part = "Client handler", "New session started, UUID is {}", self.core().id);
        let end = {
            let mut sleep = pin!(tokio::time::sleep_until(self.idle_deadline()));
            let mut timer = Timer::new(sleep.as_mut());
            poll_fn(|context| self.poll(context, &mut timer)).await
        };
        let end = match end {
            // Boxed, so that a connection of packets does not hold the room for it.
            End::Streams => Box::pin(self.streams()).await,
            end => end,
        };
        // Whoever holds the client or waits to send learns it now, not when the last byte is out.
        self.core().advance(Phase::Closing);
        self.shared.sessions.leave(self.core());
        match &end {
            End::Stuck => {
                warn!(part = "Client handler", code = %Code::ReaderTooSlow, "The client does not read");
            }
            End::Protocol(code) => {
                debug!(part = "Client handler", %code, "What the client sent is no packet");
            }
            End::Io(error) => debug!(part = "Client handler", %error, "The connection was closed abruptly"),
            other => debug!(part = "Client handler", reason = ?other, "Closing"),
        }
        self.farewell(&end).await;
        drop(self);
        info!(part = "Client handler", "The connection was closed");
        end
    }

    /// Tells the client why it is not served, in JSON (protocol V2, rule 6), and closes.
    pub(crate) async fn refuse(mut self, failure: &impl Failure) {
        let code = failure.code();
        debug!(part = "Client handler", %code, address = %self.core().address, "A connection was refused");
        self.fail(failure, Encoding::Json);
        self.core().advance(Phase::Closing);
        self.farewell(&End::Protocol(code)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>, timer: &mut Timer<'_>) -> Poll<End> {
        self.core().outbox.attended();
        let mut scratch = Scratch::take(&self.shared.table);
        let before = self.number;
        let polled = self.drive(context, timer, &mut scratch);
        Counters::add(&self.shared.counters.packets, self.number - before);
        scratch.buffers.collect(&mut self.input, &mut self.output, self.shared.limits.buf);
        scratch.put_back();
        polled
    }

    fn drive(
        &mut self,
        context: &mut Context<'_>,
        timer: &mut Timer<'_>,
        scratch: &mut Scratch,
    ) -> Poll<End> {
        loop {
            let phase = self.core().phase();
            if phase == Phase::Cut {
                return Poll::Ready(End::Cut);
            }
            let step = match self.handle(context, scratch) {
                Step::End(end) => return Poll::Ready(end),
                step => step,
            };
            if let Err(error) = self.write(context, scratch) {
                return Poll::Ready(End::Io(error));
            }
            let room = self.output.len() <= self.shared.limits.output_soft;
            match step {
                Step::NeedInput if room => match self.read(context, scratch) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(End::PeerClosed),
                    Poll::Ready(Ok(_)) => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready(End::Io(error)),
                    Poll::Pending => {}
                },
                Step::Full if room => continue,
                _ => {}
            }
            self.read_clock();
            // While nothing is read, the client cannot be late; the wait begins anew with the room.
            self.finished |= !room;
            if let Some((deadline, due)) = self.deadline(&step, room)
                && timer.poll(context, deadline).is_ready()
            {
                match self.expired(due) {
                    Some(end) => return Poll::Ready(end),
                    None => continue,
                }
            }
            let filled = self.core().outbox.poll_filled(context.waker());
            // The phase may have moved on before there was a waker to tell.
            if !filled && self.core().phase() == phase {
                return Poll::Pending;
            }
        }
    }

    /// Handles the packets that are there.
    fn handle(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Step {
        if let Some(mut packet) = self.current.take() {
            match self.resume(&mut packet, context, scratch) {
                Poll::Ready(()) => self.finish(packet),
                Poll::Pending => {
                    self.current = Some(packet);
                    return Step::Waiting;
                }
            }
        }
        loop {
            if self.core().phase() != Phase::Open {
                // Whoever has opened streams is told that they are not run.
                let streams =
                    self.number == 0 && self.shared.framing.version(&self.input) == Some(v3::VERSION);
                return Step::End(if streams { End::Streams } else { End::Closed });
            }
            if self.output.len() > self.shared.limits.output_soft {
                return Step::Full;
            }
            if self.input.is_empty() {
                self.needed = 0;
                return Step::NeedInput;
            }
            if self.number == 0 {
                match self.shared.framing.version(&self.input) {
                    Some(v3::VERSION) => return Step::End(End::Streams),
                    // Packets cannot be sealed, and who seals takes nothing else.
                    Some(_) if self.shared.serving.pipeline.is_sealed() => {
                        self.fail(&Code::SealRequired, Encoding::Json);
                        return Step::End(End::Protocol(Code::SealRequired));
                    }
                    _ => {}
                }
            }
            match self.shared.framing.decode(&self.input) {
                Ok(Ok(frame)) => {
                    let mut packet = match self.begin(frame, scratch) {
                        Ok(packet) => packet,
                        Err(end) => return Step::End(end),
                    };
                    match self.advance(&mut packet, context, scratch) {
                        Poll::Ready(()) => self.finish(packet),
                        Poll::Pending => {
                            self.current = Some(packet);
                            return Step::Waiting;
                        }
                    }
                }
                Ok(Err(needed)) => {
                    self.needed = needed;
                    return Step::NeedInput;
                }
                Err(error) => {
                    // Said in JSON, since the frame does not say in what (protocol V2, rule 2).
                    let code = error.code();
                    self.fail(&code, Encoding::Json);
                    return Step::End(End::Protocol(code));
                }
            }
        }
    }

    /// Writes what has gathered, as far as the client takes it.
    fn write(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> io::Result<()> {
        let outbox = &self.client.core().outbox;
        if outbox.is_filled() {
            scratch.buffers.lend_output(&mut self.output);
            outbox.drain_into(&mut self.output);
        }
        if self.output.is_empty() && !self.unflushed {
            return Ok(());
        }
        debug!(part = "Response handler", "Sending response to client");
        let before = self.output.len();
        while !self.output.is_empty() {
            match self.stream.poll_write(context, &mut self.output) {
                Poll::Ready(written) => written?,
                Poll::Pending => break,
            };
        }
        if self.output.is_empty() {
            // Only TLS keeps something back; it must be asked again until it has written all.
            match self.stream.poll_flush(context) {
                Poll::Ready(flushed) => {
                    flushed?;
                    debug!(part = "Response handler", "Response sent");
                    self.unflushed = false;
                    self.stuck_since = None;
                }
                Poll::Pending => {
                    self.unflushed = true;
                    self.stuck_since.get_or_insert_with(Instant::now);
                }
            }
        } else if self.output.len() < before || self.stuck_since.is_none() {
            self.stuck_since = Some(Instant::now());
        }
        self.client.core().outbox.written(self.output.len());
        Ok(())
    }

    /// Reads what has come; 0 bytes are the end.
    fn read(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_readable(context))?;
        scratch.buffers.lend_input(&mut self.input);
        let least = self.shared.limits.buf;
        if self.input.capacity() - self.input.len() < least / 4 {
            // The buffer grows with what has come, not with what was announced.
            let missing = self.needed.saturating_sub(self.input.len());
            self.input.reserve(missing.min(self.input.len() * 2).max(least));
        }
        self.stream.poll_read(context, &mut self.input)
    }

    /// Notes the time, once for all packets that were handled since the last wait.
    fn read_clock(&mut self) {
        if self.input.is_empty() {
            self.begun = None;
        }
        if self.finished || (self.begun.is_none() && !self.input.is_empty()) {
            let now = Instant::now();
            if self.finished {
                self.idle_since = now;
                self.finished = false;
            }
            self.begun = (!self.input.is_empty()).then_some(now);
        }
    }

    fn idle_deadline(&self) -> Instant {
        self.idle_since + self.shared.limits.timeout
    }

    /// The next moment at which something is too late.
    fn deadline(&self, step: &Step, room: bool) -> Option<(Instant, Due)> {
        let limits = &self.shared.limits;
        let write = self.stuck_since.map(|since| (since + limits.write_stall, Due::Write));
        let other = match step {
            Step::Waiting => self.packet_deadline(),
            Step::NeedInput if room => {
                let length = u32::try_from(self.needed).unwrap_or(u32::MAX);
                let packet = self.begun.map(|begun| begun + limits.packet_deadline(length));
                let idle = self.idle_deadline();
                Some((packet.map_or(idle, |packet| packet.min(idle)), Due::Packet))
            }
            _ => None,
        };
        [write, other].into_iter().flatten().min_by_key(|(deadline, _)| *deadline)
    }

    /// Does what the passing of a deadline asks for.
    fn expired(&mut self, due: Due) -> Option<End> {
        match due {
            Due::Packet => {
                self.fail(&Code::TimedOut, Encoding::Json);
                Some(End::TimedOut)
            }
            Due::Write => Some(End::Stuck),
            Due::Handler => {
                self.give_up(&Code::HandlerTimedOut);
                None
            }
            Due::Turn => {
                self.give_up(&Code::Overloaded);
                None
            }
        }
    }

    /// Appends an error packet, behind what handlers have sent by themselves.
    fn fail(&mut self, failure: &impl Failure, encoding: Encoding) {
        self.client.core().outbox.drain_into(&mut self.output);
        error_packet::write(failure, self.shared.framing, encoding, &mut self.output);
    }
}

/// However it ends, a session does not stay behind.
impl Drop for Connection {
    fn drop(&mut self) {
        self.core().advance(Phase::Closing);
        self.shared.sessions.leave(self.core());
    }
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// The next whole packet (protocol V2, rule 4).
    Packet,
    /// Some progress of a write.
    Write,
    /// The end of the handler that runs (protocol V2, rule 7).
    Handler,
    /// The turn of a packet whose handler may not run yet, since too many do.
    Turn,
}

#[cfg(test)]
mod tests {
    use super::Connection;

    /// What an idle connection holds besides its socket: it is to stay far below the 4 KiB that one may cost in all.
    #[test]
    fn a_connection_is_small() {
        let size = size_of::<Connection>();
        assert!(size <= 512, "{size} bytes");
        // All that it may come to while it is served has its room from the start.
        let size = size_of_future(Connection::serve);
        assert!(size <= 1280, "{size} bytes");
    }

    fn size_of_future<A, F: Future>(_: fn(A) -> F) -> usize {
        size_of::<F>()
    }
}
