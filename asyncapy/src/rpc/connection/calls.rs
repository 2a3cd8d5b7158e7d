use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Connection;
use super::cancellation::{let_go, note};
use super::running::Work;
use super::scratch::Scratch;
use crate::error::Code;
use crate::handler::Request;
use crate::mux::{Credit, Key, Outcome};
use crate::rpc::answer::Answer;
use crate::rpc::context::admits;
use crate::rpc::function::Shape;
use crate::rpc::invocation::Invocation;
use crate::wire::{Encoding, View};

/// So often calls that wake one another are polled in a row.
const PASSES: u32 = 8;

/// What a call is made of, wherever its bytes lie.
pub(super) struct Opened<'a> {
    pub(super) id: u32,
    pub(super) function: usize,
    pub(super) encoding: Encoding,
    pub(super) payload: &'a [u8],
    pub(super) deadline: Option<Instant>,
    pub(super) ended: bool,
    pub(super) key: Option<Key>,
    pub(super) credit: Credit,
}

impl Connection {
    /// Runs a call as far as it goes at once.
    pub(super) fn start(
        &mut self,
        opened: &Opened<'_>,
        permit: Option<OwnedSemaphorePermit>,
        scratch: &mut Scratch,
    ) {
        let serving = self.serving.clone();
        let Some(entry) = serving.functions.get(opened.function) else { return };
        let Opened { id, encoding, .. } = *opened;
        if let Some(places) = entry.function.private
            && !admits(places, &self.client)
        {
            warn!(part = "API Parser", function = %entry.name, "A private function was called from elsewhere");
            self.decline(Some(opened.function), id, encoding, &Code::FunctionPrivate, None);
            return self.forget(opened.key);
        }
        if let Err(error) = scratch.index.build_arguments(opened.payload, encoding, &serving.settings.payload)
        {
            debug!(part = "API Parser", %error, "The arguments cannot be read");
            let why = Some("the arguments cannot be read");
            self.decline(Some(opened.function), id, encoding, &error.code(), why);
            return self.forget(opened.key);
        }
        let Some(mut call) = scratch.calls.take(&serving.functions, opened.function) else { return };
        let call_context = &mut self.context;
        call_context.stream = id;
        call_context.encoding = encoding;
        call_context.deadline = opened.deadline;
        call_context.ended = opened.ended;
        call_context.entered.set(opened.key);
        call_context.channel.set(None);

        let shape = entry.function.shape;
        let mut work = opened.credit;
        let mut connection =
            if shape == Shape::ServerStream { self.mux.lock().connection_credit() } else { 0 };
        let before = connection;
        let place = self.running.reserve();
        scratch.buffers.lend_output(&mut self.output);
        let has_channel = takes_items(shape);
        let out = if has_channel { &mut scratch.aside } else { &mut self.output };
        let whole = out.len();
        let mut answer = Answer {
            out,
            framing: self.mux.outgoing(),
            encoding,
            stream: id,
            credit: &mut work,
            connection: &mut connection,
            stalled: false,
            failed: false,
            whole,
            ending: None,
        };
        let view = View::new(opened.payload, encoding, &scratch.index);
        let mut request =
            Request::new(view, &self.client, &serving.state, self.number, None).with_call(&self.context);
        let waker = self.running.bell(place);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            call.as_mut().start(&mut request, &mut Context::from_waker(waker), &mut answer)
        }));
        let Answer { stalled, whole, .. } = answer;
        if before != connection {
            self.mux.lock().spend((before - connection) as usize);
        }
        // Nobody takes part in a stream whose channel was not asked for.
        let entered = self.context.entered.take();
        self.forget(entered);
        let channel = self.context.channel.take();
        let cancelled = self.context.cancelled.take();
        match polled {
            Ok(Poll::Ready(())) => {
                scratch.calls.keep(opened.function, call);
                self.answered(channel, scratch);
            }
            Ok(Poll::Pending) => {
                let (deadline, late) = self.limit(opened);
                let permit = permit.or_else(|| serving.permits.clone().try_acquire_owned().ok());
                let work = Work {
                    call: Some(call),
                    function: opened.function,
                    stream: id,
                    encoding,
                    deadline,
                    late,
                    credit: work,
                    stalled,
                    channel,
                    cancelled,
                    since: self.pulse.now,
                    _permit: permit,
                };
                self.places.insert(id, place);
                self.running.put(place, work);
            }
            Err(panic) => {
                // What was not written to its end is not sent; the items before it are.
                out_of(has_channel, &mut scratch.aside, &mut self.output).truncate(whole);
                note(&*panic, &self.serving.counters);
                let_go(call, &serving.counters);
                self.collect();
                self.refuse(id, encoding, &Code::HandlerPanicked, None);
                self.answered(channel, scratch);
            }
        }
    }

    /// How long a call may wait, and what its caller is told after that.
    fn limit(&self, opened: &Opened<'_>) -> (Option<Instant>, Code) {
        let function = self.serving.functions.get(opened.function).map(|entry| entry.function);
        let own = function.and_then(|function| match (function.timeout, function.shape) {
            (Some(timeout), _) => Some(timeout),
            // A stream lasts as long as it is wanted.
            (None, Shape::Unary) => Some(self.serving.settings.handler_timeout),
            (None, _) => None,
        });
        let own = own.and_then(|own| Instant::now().checked_add(own));
        match (opened.deadline, own) {
            (Some(callers), Some(own)) if own < callers => (Some(own), Code::HandlerTimedOut),
            (Some(callers), _) => (Some(callers), Code::DeadlineExceeded),
            (None, own) => (own, Code::HandlerTimedOut),
        }
    }

    /// Polls the calls that were woken.
    pub(super) fn resume(&mut self, scratch: &mut Scratch) {
        // Calls may wake one another, but what else there is to do has its turn too.
        for _ in 0..PASSES {
            let Some(woken) = self.running.take_woken() else { return };
            for place in &woken {
                self.go_on(*place, scratch);
            }
            self.running.give_back(woken);
            if self.output.len() > self.serving.settings.output_soft {
                return;
            }
        }
    }

    fn go_on(&mut self, place: u32, scratch: &mut Scratch) {
        let (Some(waker), Some(mut work)) = (self.running.waker(place), self.running.take(place)) else {
            return;
        };
        let has_channel = work.channel.is_some();
        let shape = self.serving.functions.get(work.function).map(|entry| entry.function.shape);
        let mut connection =
            if shape == Some(Shape::ServerStream) { self.mux.lock().connection_credit() } else { 0 };
        let before = connection;
        scratch.buffers.lend_output(&mut self.output);
        let out = if has_channel { &mut scratch.aside } else { &mut self.output };
        let whole = out.len();
        let Work { call, credit, encoding, stream, .. } = &mut work;
        let mut answer = Answer {
            out,
            framing: self.mux.outgoing(),
            encoding: *encoding,
            stream: *stream,
            credit,
            connection: &mut connection,
            stalled: false,
            failed: false,
            whole,
            ending: None,
        };
        let polled = catch_unwind(AssertUnwindSafe(|| match call {
            Some(call) => call.as_mut().poll(&mut Context::from_waker(&waker), &mut answer),
            None => Poll::Ready(()),
        }));
        let Answer { stalled, whole, .. } = answer;
        if before != connection {
            self.mux.lock().spend((before - connection) as usize);
        }
        match polled {
            Ok(Poll::Pending) => {
                work.stalled = stalled;
                self.running.put(place, work);
            }
            Ok(Poll::Ready(())) => {
                self.places.remove(&work.stream);
                let channel = work.channel;
                // It was answered, not given up.
                work.cancelled = None;
                let function = work.function;
                if let Some(call) = work.into_call() {
                    scratch.calls.keep(function, call);
                }
                self.answered(channel, scratch);
            }
            Err(panic) => {
                out_of(has_channel, &mut scratch.aside, &mut self.output).truncate(whole);
                note(&*panic, &self.serving.counters);
                let (stream, encoding, channel) = (work.stream, work.encoding, work.channel);
                self.places.remove(&stream);
                let_go(work, &self.serving.counters);
                self.collect();
                self.refuse(stream, encoding, &Code::HandlerPanicked, None);
                self.answered(channel, scratch);
            }
        }
    }

    /// A call was answered: what its handles have sent goes before the answer.
    fn answered(&mut self, channel: Option<Key>, scratch: &mut Scratch) {
        self.cancels.refund();
        if let Some(key) = channel {
            self.collect();
            self.mux.with(|state, woken| state.leave(key, Outcome::Empty, woken));
        }
        if !scratch.aside.is_empty() {
            self.output.extend_from_slice(&scratch.aside);
            scratch.aside.clear();
        }
    }
}

/// Whether a function takes items from its caller.
pub(super) fn takes_items(shape: Shape) -> bool {
    matches!(shape, Shape::ClientStream | Shape::Duplex)
}

/// Where a call answers.
fn out_of<'a>(aside: bool, scratch: &'a mut BytesMut, output: &'a mut BytesMut) -> &'a mut BytesMut {
    if aside { scratch } else { output }
}

impl Work {
    /// The call, once it has ended.
    fn into_call(mut self) -> Option<Pin<Box<dyn Invocation>>> {
        self.call.take()
    }
}
