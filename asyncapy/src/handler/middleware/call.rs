use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;

use super::IncomingPacket;
use super::next::{Chain, End, Next, Running};
use crate::handler::captured::Captured;
use crate::handler::reply::Template;
use crate::handler::{ErasedCall, ErasedHandler, Flow, Reply, Request, StateMap};

/// A handler with middleware around it.
struct Around {
    chain: Chain<IncomingPacket>,
    name: Arc<str>,
    handler: Box<dyn ErasedHandler>,
}

/// Puts middleware around a handler.
pub(crate) fn around(
    handler: Box<dyn ErasedHandler>,
    name: &str,
    chain: Chain<IncomingPacket>,
) -> Box<dyn ErasedHandler> {
    Box::new(Around { chain, name: name.into(), handler })
}

impl ErasedHandler for Around {
    fn prepare(&self) -> Pin<Box<dyn ErasedCall>> {
        let inner = Some(self.handler.prepare());
        Box::pin(Call { chain: self.chain.clone(), name: self.name.clone(), inner, running: None })
    }
}

/// One packet on its way through the middleware.
struct Call {
    chain: Chain<IncomingPacket>,
    name: Arc<str>,
    /// None once it was started.
    inner: Option<Pin<Box<dyn ErasedCall>>>,
    running: Option<Running<IncomingPacket>>,
}

impl ErasedCall for Call {
    fn start(
        mut self: Pin<&mut Self>,
        request: &mut Request<'_>,
        context: &mut Context<'_>,
        reply: &mut Reply<'_>,
    ) -> Poll<Flow> {
        if let Some(call) = self.inner.take() {
            let client = request.client().clone();
            let handler = Handler {
                call,
                state: request.states().clone(),
                number: request.number(),
                reply: reply.template(),
            };
            let packet = IncomingPacket::new(request.take_packet(), client, self.name.clone());
            self.running = Some(Next::new(self.chain.clone(), Box::new(handler)).begin(packet));
        }
        self.poll(context, reply)
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, reply: &mut Reply<'_>) -> Poll<Flow> {
        let Some(running) = &mut self.running else { return Poll::Ready(Flow::Continue) };
        let outcome = ready!(running.as_mut().poll(context));
        self.running = None;
        Poll::Ready(match outcome {
            Ok(answer) => {
                for packet in &answer.packets {
                    reply.packet(packet);
                }
                answer.flow
            }
            Err(rejection) => reply.failure(&rejection),
        })
    }

    /// It holds the program's middleware.
    fn is_reusable(&self) -> bool {
        false
    }
}

/// The handler at the end of the chain.
struct Handler {
    call: Pin<Box<dyn ErasedCall>>,
    state: Arc<StateMap>,
    number: u64,
    reply: Template,
}

impl End<IncomingPacket> for Handler {
    fn run(mut self: Box<Self>, request: IncomingPacket) -> Running<IncomingPacket> {
        let mut captured = Captured::default();
        let mut begun = false;
        Box::pin(poll_fn(move |context| {
            let Handler { call, state, number, reply } = &mut *self;
            let mut out = BytesMut::new();
            let mut reply = reply.capturing(request.client().core(), &mut out, &mut captured);
            let polled = if std::mem::replace(&mut begun, true) {
                call.as_mut().poll(context, &mut reply)
            } else {
                let packet = request.packet();
                let mut request = Request::new(packet.view(), request.client(), state, *number, None)
                    .with_packet(packet.clone())
                    .with_extensions(&request.extensions);
                call.as_mut().start(&mut request, context, &mut reply)
            };
            let flow = ready!(polled);
            Poll::Ready(std::mem::take(&mut captured).outcome(flow, request.client().encoding()))
        }))
    }
}
