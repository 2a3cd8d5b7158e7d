use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::frames::Violation;
use super::running::Work;
use super::scratch::Scratch;
use super::{Connection, Target};
use crate::error::Code;
use crate::handler::Request;
use crate::mux::{CROSSING, Credit, Key, MOST_CROSSING, Outcome};
use crate::rpc::answer::{Answer, write_error};
use crate::rpc::context::admits;
use crate::rpc::function::Shape;
use crate::rpc::invocation::Invocation;
use crate::rpc::serving::Counters;
use crate::wire::v3::{Fields, Flags, Frame, Metadata};
use crate::wire::{Encoding, View};

/// A call that waits for its turn.
pub(super) struct Queued {
    pub(super) id: u32,
    function: usize,
    encoding: Encoding,
    payload: Bytes,
    metadata: Metadata,
    deadline: Option<Instant>,
    /// Whether the caller has said that it sends no items.
    pub(super) ended: bool,
    /// The stream, where items may come before the turn.
    pub(super) key: Option<Key>,
    pub(super) credit: Credit,
    /// How long it may wait.
    pub(super) until: Instant,
}

/// The wait for a permit, for the first in the queue.
#[derive(Default)]
pub(super) struct Turn {
    acquire: Option<Acquire>,
    permit: Option<OwnedSemaphorePermit>,
}

type Acquire = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// What a call that is given up has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    /// Items, or its time.
    Work,
}

/// A call that has run for so long was not made in order to be cancelled.
const WORK: Duration = Duration::from_millis(100);

/// So often calls that wake one another are polled in a row.
const PASSES: u32 = 8;

/// What a call is made of, wherever its bytes lie.
struct Opened<'a> {
    id: u32,
    function: usize,
    encoding: Encoding,
    payload: &'a [u8],
    deadline: Option<Instant>,
    ended: bool,
    key: Option<Key>,
    credit: Credit,
}

impl Connection {
    /// The other side opens a stream.
    pub(super) fn open(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        payload: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), Violation> {
        let id = frame.stream;
        if id <= self.seen || self.is_own(id) {
            return Err(Violation::new(
                Code::ProtocolViolation,
                "a stream's number is not the other side's next",
            ));
        }
        if !self.window.receive(payload.len()) {
            return Err(Violation::new(Code::FlowControl, "a call was sent without credit"));
        }
        self.seen = id;
        let ended = frame.flags.has(Flags::END);
        self.crossing = (self.crossing + CROSSING).min(MOST_CROSSING);
        // What comes after our GOAWAY is not run, and the other side knows it.
        if self.leaving {
            self.consume(payload.len());
            return Ok(());
        }
        self.last = id;
        self.number += 1;
        let target = self.target(frame, bytes);
        let Some(encoding) = frame.encoding else {
            self.consume(payload.len());
            self.decline(
                None,
                id,
                Encoding::Json,
                &Code::RequestMalformed,
                Some("arguments are no raw bytes"),
            );
            return Ok(());
        };
        let function = match target {
            Some(Target::Function(function)) if self.admitted => function,
            Some(Target::Function(function)) => {
                self.consume(payload.len());
                self.decline(
                    Some(function),
                    id,
                    encoding,
                    &Code::Unauthorized,
                    Some("a HELLO with credentials comes first"),
                );
                return Ok(());
            }
            Some(Target::Unknown(name)) => {
                self.consume(payload.len());
                debug!(part = "API Parser", name = ?name, "No such function");
                let message = format!("there is no function `{}`", name.escape_debug());
                self.decline(None, id, encoding, &Code::FunctionUnknown, Some(&message));
                return Ok(());
            }
            None => {
                self.consume(payload.len());
                self.decline(
                    None,
                    id,
                    encoding,
                    &Code::FunctionUnknown,
                    Some("the target's number stands for nothing"),
                );
                return Ok(());
            }
        };
        let settings = &self.serving.settings;
        if self.running.len() + self.queue.len() >= settings.streams {
            self.consume(payload.len());
            self.decline(Some(function), id, encoding, &Code::TooManyStreams, None);
            return Ok(());
        }
        let Fields::Open { deadline, .. } = frame.fields else { return Ok(()) };
        let deadline = deadline.map(|left| self.pulse.now + Duration::from_millis(left.into()));
        let metadata = match frame.flags.has(Flags::HEAD) {
            false => Metadata::default(),
            true => match Metadata::read(&bytes[frame.head.clone()], settings.head_size) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.consume(payload.len());
                    self.decline(
                        Some(function),
                        id,
                        encoding,
                        &error.code(),
                        Some("the metadata cannot be read"),
                    );
                    return Ok(());
                }
            },
        };
        if self.must_wait() {
            // Items may come before the turn.
            let takes_items =
                self.serving.functions.get(function).is_some_and(|entry| has_channel(entry.function.shape));
            let key = (takes_items && !ended).then(|| self.mux.accept(id, false));
            let until = Instant::now() + settings.call_queue_timeout;
            let payload = Bytes::copy_from_slice(payload);
            self.queue.push_back(Queued {
                id,
                function,
                encoding,
                payload,
                metadata,
                deadline,
                ended,
                key,
                credit: Credit::default(),
                until,
            });
            return Ok(());
        }
        self.context.metadata = metadata;
        let credit = Credit::default();
        let opened = Opened { id, function, encoding, payload, deadline, ended, key: None, credit };
        self.start(&opened, None, scratch);
        self.consume(payload.len());
        Ok(())
    }

    /// Whether a call that comes now must wait for its turn.
    fn must_wait(&self) -> bool {
        !self.queue.is_empty()
            || self.running.len() >= self.serving.settings.calls
            || self.output.len() > self.serving.settings.output_soft
            || self.serving.permits.available_permits() == 0
    }

    /// Starts the calls whose turn it is.
    pub(super) fn serve_queue(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) {
        while !self.queue.is_empty() {
            if self.running.len() >= self.serving.settings.calls
                || self.output.len() > self.serving.settings.output_soft
                || self.turn.poll(context, &self.serving.permits).is_pending()
            {
                return;
            }
            let Some(queued) = self.queue.pop_front() else { return };
            let permit = self.turn.permit.take();
            self.context.metadata = queued.metadata;
            let Queued { id, function, encoding, payload, deadline, ended, key, credit, .. } = queued;
            let opened = Opened { id, function, encoding, payload: &payload, deadline, ended, key, credit };
            self.start(&opened, permit, scratch);
            self.consume(payload.len());
        }
        self.turn = Turn::default();
    }

    /// Runs a call as far as it goes at once.
    fn start(&mut self, opened: &Opened<'_>, permit: Option<OwnedSemaphorePermit>, scratch: &mut Scratch) {
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
        let has_channel = has_channel(shape);
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
            ending: None,
        };
        let view = View::new(opened.payload, encoding, &scratch.index);
        let mut request =
            Request::new(view, &self.client, &serving.state, self.number, None).with_call(&self.context);
        let waker = self.running.bell(place);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            call.as_mut().start(&mut request, &mut Context::from_waker(waker), &mut answer)
        }));
        let stalled = answer.stalled;
        // What was written before a panic is not sent.
        if before != connection && polled.is_ok() {
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
                let out = if has_channel { &mut scratch.aside } else { &mut self.output };
                out.truncate(whole);
                self.panicked(&*panic);
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
            ending: None,
        };
        let polled = catch_unwind(AssertUnwindSafe(|| match call {
            Some(call) => call.as_mut().poll(&mut Context::from_waker(&waker), &mut answer),
            None => Poll::Ready(()),
        }));
        let stalled = answer.stalled;
        if before != connection && polled.is_ok() {
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
                self.panicked(&*panic);
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

    /// The place of a stream whose call was not run is free.
    fn forget(&self, key: Option<Key>) {
        if let Some(key) = key {
            self.mux.with(|state, woken| state.discard(key, woken));
        }
    }

    /// Ends a call from the other side, and tells what it has given; none if it has ended before.
    pub(super) fn cancel_call(&mut self, id: u32, outcome: Outcome) -> Option<Given> {
        if let Some(work) = self.places.remove(&id).and_then(|place| self.running.take(place)) {
            let worked = work.since + WORK <= self.pulse.now || work.credit != Credit::default();
            self.abort(work, outcome);
            return Some(if worked { Given::Work } else { Given::Nothing });
        }
        let at = self.queue.iter().position(|queued| queued.id == id)?;
        if let Some(queued) = self.queue.remove(at) {
            self.consume(queued.payload.len());
            self.forget(queued.key);
        }
        Some(Given::Nothing)
    }

    /// Drops a call where it waits; what it held may panic in turn, which costs nobody else anything.
    fn abort(&self, work: Work, outcome: Outcome) {
        let channel = work.channel;
        let_go(work, &self.serving.counters);
        if let Some(key) = channel {
            self.mux.with(|state, woken| state.leave(key, outcome, woken));
        }
    }

    /// A call is too late.
    pub(super) fn give_up(&mut self, place: u32, _: &mut Scratch) {
        let Some(work) = self.running.take(place) else { return };
        self.places.remove(&work.stream);
        let (id, encoding, late) = (work.stream, work.encoding, work.late.clone());
        warn!(part = "API Parser", code = %late, "A call was given up");
        self.abort(work, Outcome::Local(late.clone(), "it took too long"));
        self.collect();
        self.refuse(id, encoding, &late, None);
    }

    /// A call has waited too long for its turn.
    pub(super) fn turn_away(&mut self, queued: Queued) {
        self.consume(queued.payload.len());
        self.forget(queued.key);
        warn!(part = "API Parser", code = %Code::Overloaded, "A call was turned away");
        self.decline(Some(queued.function), queued.id, queued.encoding, &Code::Overloaded, None);
    }

    /// The connection has ended, and with it all calls.
    pub(super) fn let_go_of_all(&mut self) {
        for place in self.running.all() {
            if let Some(work) = self.running.take(place) {
                self.abort(work, Outcome::Local(Code::Cancelled, "the connection is closed"));
            }
        }
        self.places.clear();
        self.queue.clear();
    }

    /// Answers a call with an error that does not begin.
    fn decline(
        &mut self,
        function: Option<usize>,
        stream: u32,
        encoding: Encoding,
        code: &Code,
        message: Option<&str>,
    ) {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.serving.metrics {
            let entry = function.and_then(|function| self.serving.functions.get(function));
            metrics.refused(entry.map(|entry| &*entry.name), code);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = function;
        self.refuse(stream, encoding, code, message);
    }

    /// Answers a stream with an error.
    fn refuse(&mut self, stream: u32, encoding: Encoding, code: &Code, message: Option<&str>) {
        let framing = self.mux.outgoing();
        write_error(framing, encoding, stream, &mut self.output, code, message, None, None);
    }

    fn panicked(&self, panic: &(dyn Any + Send)) {
        note(panic, &self.serving.counters);
    }
}

/// Whether a function takes items from its caller.
fn has_channel(shape: Shape) -> bool {
    matches!(shape, Shape::ClientStream | Shape::Duplex)
}

/// Where a call answers.
fn out_of<'a>(
    aside: bool,
    scratch: &'a mut bytes::BytesMut,
    output: &'a mut bytes::BytesMut,
) -> &'a mut bytes::BytesMut {
    if aside { scratch } else { output }
}

impl Work {
    /// The call, once it has ended.
    fn into_call(mut self) -> Option<Pin<Box<dyn Invocation>>> {
        self.call.take()
    }
}

impl Turn {
    /// Ready when a call may run.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        permits: &std::sync::Arc<tokio::sync::Semaphore>,
    ) -> Poll<()> {
        if self.permit.is_some() {
            return Poll::Ready(());
        }
        let acquire = self.acquire.get_or_insert_with(|| Box::pin(permits.clone().acquire_owned()));
        match acquire.as_mut().poll(context) {
            Poll::Ready(permit) => {
                self.permit = permit.ok();
                self.acquire = None;
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Drops what belongs to a call; it may panic in turn.
fn let_go<T>(call: T, counters: &Counters) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(call))) {
        note(&*panic, counters);
    }
}

/// Counts and logs a panic.
fn note(panic: &(dyn Any + Send), counters: &Counters) {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error!(part = "API Parser", panic = ?text.unwrap_or("no text"), "A function panicked");
    Counters::add(&counters.panics, 1);
}
