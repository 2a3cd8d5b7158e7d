use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Flow, IntoReply, Reply, Request};
use crate::error::Rejection;

/// A handler with its types forgotten: what the dispatch holds.
pub trait ErasedHandler: Send + Sync {
    /// A call that has not begun; it can be used again once it has ended, and then allocates nothing.
    fn prepare(&self) -> Pin<Box<dyn ErasedCall>>;
}

/// One handler at work on one packet.
pub trait ErasedCall: Send {
    /// Takes the arguments from the request, calls the function and goes as far as it can; nothing of the request is
    /// kept. What an extractor that refuses says is the reply.
    fn start(
        self: Pin<&mut Self>,
        request: &mut Request<'_>,
        context: &mut Context<'_>,
        reply: &mut Reply<'_>,
    ) -> Poll<Flow>;

    /// Goes on, and writes the reply when the function has returned.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, reply: &mut Reply<'_>) -> Poll<Flow>;

    /// Whether the call may be kept once it has ended: it holds nothing that must be let go of with the server.
    fn is_reusable(&self) -> bool;
}

pin_project! {
    struct Call<S, F> {
        start: S,
        #[pin]
        future: Option<F>,
    }
}

impl<S, F> ErasedCall for Call<S, F>
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection> + Send,
    F: Future<Output: IntoReply> + Send,
{
    fn start(
        mut self: Pin<&mut Self>,
        request: &mut Request<'_>,
        context: &mut Context<'_>,
        reply: &mut Reply<'_>,
    ) -> Poll<Flow> {
        let mut this = self.as_mut().project();
        match (this.start)(request) {
            Ok(future) => this.future.set(Some(future)),
            Err(rejection) => {
                tracing::debug!(part = "API Parser", ?rejection, "The packet does not suit the handler");
                return Poll::Ready(reply.failure(&rejection));
            }
        }
        self.poll(context, reply)
    }

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, reply: &mut Reply<'_>) -> Poll<Flow> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Flow::Continue);
        };
        let output = std::task::ready!(future.poll(context));
        this.future.set(None);
        Poll::Ready(output.into_reply(reply))
    }

    fn is_reusable(&self) -> bool {
        !std::mem::needs_drop::<S>()
    }
}

struct Handler<S>(S);

impl<S, F> ErasedHandler for Handler<S>
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection> + Clone + Send + Sync + 'static,
    F: Future<Output: IntoReply> + Send + 'static,
{
    fn prepare(&self) -> Pin<Box<dyn ErasedCall>> {
        Box::pin(Call { start: self.0.clone(), future: None })
    }
}

/// Forgets the types of a function that takes its arguments from a request and gives the future of a reply.
///
/// Each type has a parameter of its own, so that `#[handler]` can say where the compiler complains of it.
pub fn handler<S, F, R>(start: S) -> Box<dyn ErasedHandler>
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection> + Clone + Send + Sync + 'static,
    F: Future<Output = R> + Send + 'static,
    R: IntoReply,
{
    Box::new(Handler(start))
}

impl fmt::Debug for dyn ErasedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

impl fmt::Debug for dyn ErasedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}
