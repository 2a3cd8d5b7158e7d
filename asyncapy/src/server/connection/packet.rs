use std::any::Any;
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::scratch::Scratch;
use super::{Connection, Due, End};
use crate::error::{Code, Failure};
use crate::handler::session::Phase;
use crate::handler::{ErasedCall, Flow, Reply, Request};
use crate::server::limits::FOR_EVER;
use crate::server::shared::{Counters, Shared};
use crate::wire::{Encoding, Frame, Index, PayloadLimits, View};

/// Payloads up to this are copied when a handler wants to keep them, so that a short packet does not hold on to the
/// buffer it came in; longer ones are shared. In bytes.
const COPY: usize = 4 * 1024;

/// The packet in hand.
pub(super) struct Current {
    /// Where the payload lies: in the connection's input, whose front the frame is, or in `shared`.
    payload: Range<usize>,
    /// The frame, where it was taken out of the input so that it can be shared.
    shared: Option<Bytes>,
    encoding: Encoding,
    /// Whether a handler was found for it.
    matched: bool,
    /// The place in the table of the group that is asked next.
    group: usize,
}

/// The wait of a packet for its turn, where too many handlers run.
pub(super) struct Turn {
    deadline: Instant,
    acquire: Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>,
    /// The turn, once it has come.
    permit: Option<OwnedSemaphorePermit>,
}

/// A handler that waits for something.
pub(super) struct Running {
    call: Pin<Box<dyn ErasedCall>>,
    route: usize,
    deadline: Instant,
    /// Counted among the calls in flight.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Takes a frame in hand; the scratch index is then the packet's.
    pub(super) fn begin(&mut self, frame: Frame, scratch: &mut Scratch) -> Result<Current, End> {
        let Frame { encoding, payload } = frame;
        debug!(part = "Client handler", "Expected stream length is {}", payload.len());
        debug!(part = "API Parser", "Protocol-Version is V2, Content-Encoding is {encoding}");
        let limits = &self.shared.limits.payload;
        if let Err(error) = scratch.index.build(&self.input[payload.clone()], encoding, limits) {
            debug!(part = "API Parser", %error, "The payload was refused");
            let code = error.code();
            self.fail(&code, encoding);
            return Err(End::Protocol(code));
        }
        self.client.core().fix_encoding(encoding);
        self.number += 1;
        let shared = (payload.len() > COPY).then(|| self.input.split_to(payload.end).freeze());
        Ok(Current { payload, shared, encoding, matched: false, group: 0 })
    }

    /// Goes on with a packet that had to wait.
    pub(super) fn resume(
        &mut self,
        packet: &mut Current,
        context: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<()> {
        let Self { client, shared, output, running, number, .. } = self;
        if let Some(handler) = running {
            scratch.buffers.lend_output(output);
            let core = client.core();
            let mut reply = Reply::new(output, shared.framing, core.encoding(), &core.outbox);
            let polled = catch_unwind(AssertUnwindSafe(|| handler.call.as_mut().poll(context, &mut reply)));
            let flow = match polled {
                Ok(polled) => {
                    let flow = ready!(polled);
                    if let Some(handler) = running.take() {
                        scratch.calls.keep(handler.route, handler.call);
                    }
                    flow
                }
                Err(panic) => {
                    // What the function still holds is let go of now, not when it is next called.
                    let_go(running.take(), &shared.counters);
                    panicked(&*panic, &mut reply, &shared.counters)
                }
            };
            if ends(flow, client, *number) {
                return Poll::Ready(());
            }
        }
        let payload = packet.shared.as_deref().unwrap_or(&self.input);
        reindex(&mut scratch.index, &payload[packet.payload.clone()], packet.encoding);
        self.advance(packet, context, scratch)
    }

    /// Brings the packet in hand from group to group, as far as its handlers let it. The scratch index is the packet's.
    pub(super) fn advance(
        &mut self,
        packet: &mut Current,
        context: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<()> {
        let Self { client, shared, input, output, running, number, turn, .. } = self;
        let core = client.core();
        let table = &shared.table;
        scratch.buffers.lend_output(output);
        let Scratch { index, candidates, calls, .. } = scratch;
        let payload = &packet.shared.as_deref().unwrap_or(input)[packet.payload.clone()];
        let view = View::new(payload, packet.encoding, index);
        while let Some(group) = table.groups().get(packet.group) {
            if turn.is_some() || shared.calls.available_permits() == 0 {
                ready!(poll_turn(turn, context, shared));
            }
            packet.group += 1;
            debug!(part = "API Parser", "Checking group {}", group.number);

            let whole = packet.shared.as_ref().map(|frame| (frame, packet.payload.start));
            let mut request = Request::new(view, client, &shared.state, *number, whole);
            let mut reply = Reply::new(output, shared.framing, core.encoding(), &core.outbox);
            // No handler: a panic would come from a filter.
            let mut called = None;
            let polled = catch_unwind(AssertUnwindSafe(|| {
                let route = table.first_match(group, &request, candidates)?;
                let info = &table.route(route).info;
                debug!(part = "API Parser", "Calling '{}' in group {}", info.name, group.number);
                let (_, call) = called.insert((route, calls.take(table, route)));
                Some(call.as_mut().start(&mut request, context, &mut reply))
            }));
            let flow = match (polled, called) {
                (Ok(Some(Poll::Ready(flow))), Some((route, call))) => {
                    calls.keep(route, call);
                    flow
                }
                (Ok(Some(Poll::Pending)), Some((route, call))) => {
                    packet.matched = true;
                    let timeout =
                        table.route(route).timeout.unwrap_or(shared.limits.handler_timeout).min(FOR_EVER);
                    let permit = turn.take().and_then(|turn| turn.permit);
                    let permit = permit.or_else(|| shared.calls.clone().try_acquire_owned().ok());
                    let deadline = Instant::now() + timeout;
                    *running = Some(Running { call, route, deadline, _permit: permit });
                    return Poll::Pending;
                }
                (Ok(_), _) => continue,
                (Err(panic), called) => {
                    let_go(called, &shared.counters);
                    panicked(&*panic, &mut reply, &shared.counters)
                }
            };
            packet.matched = true;
            if ends(flow, client, *number) {
                break;
            }
        }
        *turn = None;
        Poll::Ready(())
    }

    /// The packet in hand is done with.
    pub(super) fn finish(&mut self, packet: Current) {
        if !packet.matched {
            debug!(part = "API Parser", "No handler matches");
            let encoding = self.client.encoding();
            self.fail(&Code::NoHandler, encoding);
        }
        if packet.shared.is_none() {
            self.input.advance(packet.payload.end);
        }
        self.finished = true;
    }

    /// Answers the packet in hand with a code, in the place of the handler that runs or waits for its turn.
    pub(super) fn give_up(&mut self, code: &Code) {
        warn!(part = "API Parser", %code, "A packet was given up");
        self.let_go();
        self.turn = None;
        let encoding = self.client.encoding();
        self.fail(code, encoding);
        if let Some(packet) = self.current.take() {
            self.finish(Current { matched: true, ..packet });
        }
    }

    /// Ends the handler that runs.
    pub(super) fn let_go(&mut self) {
        let_go(self.running.take(), &self.shared.counters);
    }

    /// When the packet in hand is too late.
    pub(super) fn packet_deadline(&self) -> Option<(Instant, Due)> {
        match (&self.running, &self.turn) {
            (Some(running), _) => Some((running.deadline, Due::Handler)),
            (None, turn) => turn.as_ref().map(|turn| (turn.deadline, Due::Turn)),
        }
    }
}

/// Ready when a handler may run.
fn poll_turn(turn: &mut Option<Box<Turn>>, context: &mut Context<'_>, shared: &Shared) -> Poll<()> {
    let turn = turn.get_or_insert_with(|| {
        Box::new(Turn {
            deadline: Instant::now() + shared.limits.call_queue_timeout,
            acquire: Box::pin(shared.calls.clone().acquire_owned()),
            permit: None,
        })
    });
    if turn.permit.is_none() {
        turn.permit = ready!(turn.acquire.as_mut().poll(context)).ok();
    }
    Poll::Ready(())
}

/// Whether no further group sees the packet.
fn ends(flow: Flow, client: &crate::handler::Client, number: u64) -> bool {
    if flow == Flow::Close {
        client.close();
    }
    let core = client.core();
    flow != Flow::Continue || core.is_stopped(number) || core.phase() != Phase::Open
}

/// A panic costs one reply; the cause goes to the log.
fn panicked(panic: &(dyn Any + Send), reply: &mut Reply<'_>, counters: &Counters) -> Flow {
    note(panic, counters);
    reply.recover();
    reply.failure(&Code::HandlerFailed as &dyn Failure)
}

/// Drops a call; what it held may panic in turn, which costs nobody else anything.
fn let_go<T>(call: T, counters: &Counters) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(call))) {
        note(&*panic, counters);
    }
}

/// Counts and logs a panic.
fn note(panic: &(dyn Any + Send), counters: &Counters) {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error!(part = "API Parser", panic = ?text.unwrap_or("no text"), "A handler panicked");
    Counters::add(&counters.panics, 1);
}

/// Indexes a payload again that was accepted before.
fn reindex(index: &mut Index, payload: &[u8], encoding: Encoding) {
    let limits = PayloadLimits { depth: u16::MAX, nodes: u32::MAX };
    if let Err(error) = index.build(payload, encoding, &limits) {
        debug_assert!(false, "a payload that was accepted is refused: {error}");
    }
}
