use std::cell::{Cell, OnceCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::desk::Desk;
use super::{IncomingCall, Next, Reply};
use crate::error::Code;
use crate::handler::extensions::Extensions;
use crate::handler::middleware::{Chain, End, Running};
use crate::handler::{Request, StateMap};
use crate::mux::{Credit, Handle};
use crate::rpc::answer::Answer;
use crate::rpc::context::CallContext;
use crate::rpc::function::{Function, Shape};
use crate::rpc::invocation::{ErasedFunction, Invocation};
use crate::rpc::status::Status;
use crate::wire::{Framing, Index, PayloadLimits, View};

/// A function with middleware around it.
struct Around {
    chain: Chain<IncomingCall>,
    function: Function,
    name: Arc<str>,
    inner: Box<dyn ErasedFunction>,
}

/// Puts middleware around a function.
pub(crate) fn around(
    inner: Box<dyn ErasedFunction>,
    function: Function,
    name: &str,
    chain: Chain<IncomingCall>,
) -> Box<dyn ErasedFunction> {
    Box::new(Around { chain, function, name: name.into(), inner })
}

impl ErasedFunction for Around {
    fn prepare(&self) -> Pin<Box<dyn Invocation>> {
        let Self { chain, function, name, inner } = self;
        Box::pin(Call {
            chain: chain.clone(),
            function: *function,
            name: name.clone(),
            inner: Some(inner.prepare()),
            running: None,
            desk: None,
        })
    }
}

/// A call on its way through the middleware.
struct Call {
    chain: Chain<IncomingCall>,
    function: Function,
    name: Arc<str>,
    /// None once it was started.
    inner: Option<Pin<Box<dyn Invocation>>>,
    running: Option<Running<IncomingCall>>,
    /// Where the items of a server stream go.
    desk: Option<Arc<Desk>>,
}

impl Invocation for Call {
    fn start(
        mut self: Pin<&mut Self>,
        request: &mut Request<'_>,
        context: &mut Context<'_>,
        answer: &mut Answer<'_>,
    ) -> Poll<()> {
        let Some((inner, outer)) = self.inner.take().zip(request.call::<CallContext>()) else {
            answer.failure(&Code::HandlerFailed);
            return Poll::Ready(());
        };
        let shape = self.function.shape;
        let desk = (shape == Shape::ServerStream).then(|| Arc::new(Desk::new(answer)));
        // Items may come before the middleware lets the function begin: the stream is entered now.
        let channel = matches!(shape, Shape::ClientStream | Shape::Duplex).then(|| outer.enter());
        let call = IncomingCall {
            function: self.function,
            name: self.name.clone(),
            client: request.client().clone(),
            peer: outer.peer.clone(),
            encoding: outer.encoding,
            arguments: Bytes::copy_from_slice(request.view().payload()),
            metadata: outer.metadata.clone(),
            deadline: outer.deadline,
            extensions: Arc::default(),
            #[cfg(feature = "tower")]
            next: None,
        };
        let end = Inside {
            inner,
            state: request.states().clone(),
            number: request.number(),
            stream: outer.stream,
            ended: outer.ended,
            deadline: outer.deadline,
            framing: answer.framing,
            channel,
            desk: desk.clone(),
        };
        self.desk = desk;
        self.running = Some(Next::new(self.chain.clone(), Box::new(end)).begin(call));
        self.poll(context, answer)
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, answer: &mut Answer<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(running) = &mut this.running else { return Poll::Ready(()) };
        if let Some(desk) = &this.desk {
            desk.lend(context, answer);
        }
        // Items that were written before a panic are sent.
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        if let Some(desk) = &this.desk {
            desk.collect(answer);
        }
        let outcome = ready!(polled.unwrap_or_else(|panic| resume_unwind(panic)));
        this.running = None;
        answer.outcome(outcome, this.desk.is_some());
        Poll::Ready(())
    }

    /// It holds the program's middleware.
    fn is_reusable(&self) -> bool {
        false
    }
}

/// The function at the end of the chain, and what it needs of its connection.
struct Inside {
    inner: Pin<Box<dyn Invocation>>,
    state: Arc<StateMap>,
    number: u64,
    stream: u32,
    ended: bool,
    /// The caller's own: the connection sees to it.
    deadline: Option<Instant>,
    framing: Framing,
    channel: Option<Handle>,
    desk: Option<Arc<Desk>>,
}

/// The function at work; dropped before its end, it tells those who have asked.
struct AtWork {
    inner: Pin<Box<dyn Invocation>>,
    context: CallContext,
    ended: bool,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(cancelled) = self.context.cancelled.get()
            && !self.ended
        {
            cancelled.cancel();
        }
    }
}

impl End<IncomingCall> for Inside {
    fn run(self: Box<Self>, call: IncomingCall) -> Running<IncomingCall> {
        // The connection gives up what is too late for the caller; a deadline that middleware has set is ours to keep.
        let deadline =
            call.deadline.filter(|deadline| self.deadline.is_none_or(|callers| *deadline < callers));
        let running = self.work(call);
        match deadline {
            None => Box::pin(running),
            Some(deadline) => Box::pin(async move {
                let late = |_| Err(Status::plain(Code::DeadlineExceeded));
                tokio::time::timeout_at(deadline, running).await.unwrap_or_else(late)
            }),
        }
    }
}

impl Inside {
    fn work(self, call: IncomingCall) -> impl Future<Output = Result<Reply, Status>> + Send + 'static {
        let Self { inner, state, number, stream, ended, framing, channel, desk, .. } = self;
        let IncomingCall { client, peer, encoding, arguments, metadata, deadline, extensions, .. } = call;
        let context = CallContext {
            peer,
            stream,
            encoding,
            metadata,
            deadline,
            ended,
            entered: Cell::new(None),
            channel: Cell::new(None),
            handle: Cell::new(channel),
            cancelled: OnceCell::new(),
        };
        let mut work = AtWork { inner, context, ended: false };
        let mut begun = false;
        let mut step = move |context: &mut Context<'_>, answer: &mut Answer<'_>| {
            let AtWork { inner, context: call, ended } = &mut work;
            let polled = if std::mem::replace(&mut begun, true) {
                inner.as_mut().poll(context, answer)
            } else {
                let mut index = Index::default();
                // They were accepted before, or written here.
                let limits = PayloadLimits { depth: u16::MAX, nodes: u32::MAX };
                if let Err(error) = index.build_arguments(&arguments, encoding, &limits) {
                    answer.failure(&error.code());
                    return Poll::Ready(());
                }
                let view = View::new(&arguments, encoding, &index);
                let extensions: &Extensions = &extensions;
                let mut request = Request::new(view, &client, &state, number, None)
                    .with_call(call)
                    .with_extensions(extensions);
                inner.as_mut().start(&mut request, context, answer)
            };
            *ended = polled.is_ready();
            polled
        };
        poll_fn(move |context| {
            let mut ending = None;
            let polled = match &desk {
                Some(desk) => {
                    let looks = Context::from_waker(context.waker());
                    desk.write(&looks, &mut ending, |answer| step(context, answer))
                }
                None => {
                    let (mut out, mut credit, mut connection) = (BytesMut::new(), Credit::default(), 0);
                    let mut answer = Answer {
                        out: &mut out,
                        framing,
                        encoding,
                        stream,
                        credit: &mut credit,
                        connection: &mut connection,
                        stalled: false,
                        failed: false,
                        whole: 0,
                        ending: Some(&mut ending),
                    };
                    step(context, &mut answer)
                }
            };
            ready!(polled);
            let (items, bytes) = desk.as_ref().map_or((0, 0), |desk| desk.total());
            Poll::Ready(match ending {
                Some(Ok(Reply::Streamed { .. })) => Ok(Reply::Streamed { items, bytes }),
                Some(outcome) => outcome,
                // A function always says how it has ended.
                None => Err(Status::new(Code::HandlerFailed)),
            })
        })
    }
}
