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
use crate::server::shared::Counters;
use crate::wire::{Encoding, Frame, Index, PayloadLimits, View};

/// Payloads up to this are copied when a handler wants to keep them, so that a short packet does not hold on to the
/// buffer it came in; longer ones are shared. In bytes.
const COPY: usize = 4 * 1024;

/// The packet in hand.
pub(super) struct Current {
    payload: Payload,
    encoding: Encoding,
    /// The place in the table of the group that is asked next.
    group: usize,
    /// Whether a handler was found for it.
    matched: bool,
    /// The wait for its turn, where too many handlers run.
    turn: Option<Turn>,
    /// The turn, once it has come.
    permit: Option<OwnedSemaphorePermit>,
}

/// Where the payload of the packet in hand is.
enum Payload {
    /// At the front of the connection's input, which holds the whole frame up to the payload's end.
    Front(Range<usize>),
    /// Taken out, so that it can be shared.
    Shared(Bytes),
}

struct Turn {
    deadline: Instant,
    acquire: Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>,
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
    /// Takes a frame in hand.
    pub(super) fn begin(&mut self, frame: Frame, scratch: &mut Scratch) -> Result<(), End> {
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
        let payload = if payload.len() > COPY {
            Payload::Shared(self.input.split_to(payload.end).freeze().slice(payload.start..))
        } else {
            Payload::Front(payload)
        };
        let current = Current { payload, encoding, group: 0, matched: false, turn: None, permit: None };
        self.current = Some(current);
        Ok(())
    }

    /// Brings the packet in hand from group to group, as far as its handlers let it. `indexed` tells whether the
    /// scratch index is the packet's.
    pub(super) fn advance(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut Scratch,
        mut indexed: bool,
    ) -> Poll<()> {
        let Self { client, shared, input, output, current, running, number, .. } = self;
        let Some(packet) = current else { return Poll::Ready(()) };
        let core = client.core();
        scratch.buffers.lend_output(output);
        loop {
            if let Some(handler) = running {
                let mut reply = Reply::new(output, shared.framing, core.encoding(), &core.outbox);
                let polled =
                    catch_unwind(AssertUnwindSafe(|| handler.call.as_mut().poll(context, &mut reply)));
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
                        *running = None;
                        panicked(&*panic, &mut reply, &shared.counters)
                    }
                };
                if ends(flow, client, *number) {
                    return Poll::Ready(());
                }
            }
            let Some(group) = shared.table.groups().get(packet.group) else { return Poll::Ready(()) };
            ready!(packet.poll_turn(context, shared));
            let payload = match &packet.payload {
                Payload::Front(range) => &input[range.clone()],
                Payload::Shared(bytes) => &bytes[..],
            };
            if !indexed {
                reindex(&mut scratch.index, payload, packet.encoding);
                indexed = true;
            }
            packet.group += 1;
            debug!(part = "API Parser", "Checking group {}", group.number);

            let view = View::new(payload, packet.encoding, &scratch.index);
            let owned = match &packet.payload {
                Payload::Front(_) => None,
                Payload::Shared(bytes) => Some(bytes),
            };
            let mut request = Request::new(view, client, &shared.state, *number, owned);
            let mut reply = Reply::new(output, shared.framing, core.encoding(), &core.outbox);
            let candidates = &mut scratch.candidates;
            let matched =
                catch_unwind(AssertUnwindSafe(|| shared.table.first_match(group, &request, candidates)));
            let route = match matched {
                Ok(Some(route)) => route,
                Ok(None) => continue,
                Err(panic) => {
                    packet.matched = true;
                    panicked(&*panic, &mut reply, &shared.counters);
                    return Poll::Ready(());
                }
            };
            packet.matched = true;
            let info = &shared.table.route(route).info;
            debug!(part = "API Parser", "Calling '{}' in group {}", info.name, group.number);

            let mut call = scratch.calls.take(&shared.table, route);
            let polled = catch_unwind(AssertUnwindSafe(|| match call.as_mut().start(&mut request) {
                Ok(()) => call.as_mut().poll(context, &mut reply),
                Err(rejection) => {
                    debug!(part = "API Parser", %rejection, "The packet does not suit the handler");
                    Poll::Ready(reply.failure(&rejection))
                }
            }));
            let flow = match polled {
                Ok(Poll::Ready(flow)) => {
                    scratch.calls.keep(route, call);
                    flow
                }
                Ok(Poll::Pending) => {
                    let timeout = shared.table.route(route).timeout.unwrap_or(shared.limits.handler_timeout);
                    let permit =
                        packet.permit.take().or_else(|| shared.calls.clone().try_acquire_owned().ok());
                    let deadline = Instant::now() + timeout;
                    *running = Some(Running { call, route, deadline, _permit: permit });
                    return Poll::Pending;
                }
                Err(panic) => {
                    drop(call);
                    panicked(&*panic, &mut reply, &shared.counters)
                }
            };
            if ends(flow, client, *number) {
                return Poll::Ready(());
            }
        }
    }

    /// The packet in hand is done with.
    pub(super) fn finish(&mut self) {
        let Some(packet) = self.current.take() else { return };
        if !packet.matched {
            debug!(part = "API Parser", "No handler matches");
            let encoding = self.client.encoding();
            self.fail(&Code::NoHandler, encoding);
        }
        if let Payload::Front(range) = packet.payload {
            self.input.advance(range.end);
        }
        self.finished = true;
    }

    /// Answers the packet in hand with a code, in the place of the handler that runs or waits for its turn.
    pub(super) fn give_up(&mut self, code: &Code) {
        warn!(part = "API Parser", %code, "A packet was given up");
        // What the handler has sent itself comes first.
        self.client.core().outbox.drain_into(&mut self.output);
        self.running = None;
        if let Some(packet) = &mut self.current {
            packet.matched = true;
        }
        let encoding = self.client.encoding();
        self.fail(code, encoding);
        self.finish();
    }

    /// When the packet in hand is too late.
    pub(super) fn packet_deadline(&self) -> Option<(Instant, Due)> {
        let turn = || self.current.as_ref().and_then(|packet| packet.turn.as_ref());
        match &self.running {
            Some(running) => Some((running.deadline, Due::Handler)),
            None => turn().map(|turn| (turn.deadline, Due::Turn)),
        }
    }
}

impl Current {
    /// Ready when a handler may run.
    fn poll_turn(&mut self, context: &mut Context<'_>, shared: &super::Shared) -> Poll<()> {
        if self.permit.is_some() || (self.turn.is_none() && shared.calls.available_permits() > 0) {
            return Poll::Ready(());
        }
        let turn = self.turn.get_or_insert_with(|| Turn {
            deadline: Instant::now() + shared.limits.call_queue_timeout,
            acquire: Box::pin(shared.calls.clone().acquire_owned()),
        });
        self.permit = ready!(turn.acquire.as_mut().poll(context)).ok();
        self.turn = None;
        Poll::Ready(())
    }
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
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error!(part = "API Parser", panic = ?text.unwrap_or("no text"), "A handler panicked");
    Counters::add(&counters.panics, 1);
    reply.recover();
    reply.failure(&Code::HandlerFailed as &dyn Failure)
}

/// Indexes a payload again that was accepted before.
fn reindex(index: &mut Index, payload: &[u8], encoding: Encoding) {
    let limits = PayloadLimits { depth: u16::MAX, nodes: u32::MAX };
    if let Err(error) = index.build(payload, encoding, &limits) {
        debug_assert!(false, "a payload that was accepted is refused: {error}");
    }
}
