use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::answer::{Answer, Failed};
use super::body::{Body, Producer};
use crate::error::Rejection;
use crate::handler::Request;

/// A function with its types forgotten: what the table of functions holds.
pub trait ErasedFunction: Send + Sync {
    /// A call that has not begun; it can be used again once it has ended, and then allocates nothing.
    fn prepare(&self) -> Pin<Box<dyn Invocation>>;
}

/// One call of a function.
pub trait Invocation: Send {
    /// Takes the arguments from the request, calls the function and goes as far as it can; nothing of the request is
    /// kept. Ready when the call was answered.
    fn start(
        self: Pin<&mut Self>,
        request: &mut Request<'_>,
        context: &mut Context<'_>,
        answer: &mut Answer<'_>,
    ) -> Poll<()>;

    /// Goes on.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, answer: &mut Answer<'_>) -> Poll<()>;

    /// Whether it may be kept once it has ended: it holds nothing that must be let go of with the server.
    fn is_reusable(&self) -> bool;
}

pin_project! {
    struct Call<S, F, P> {
        start: S,
        #[pin]
        future: Option<F>,
        #[pin]
        producer: Option<P>,
    }
}

impl<S, F, B> Invocation for Call<S, F, B::Producer>
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection> + Send,
    F: Future<Output = Result<B, Failed>> + Send,
    B: Body,
{
    fn start(
        mut self: Pin<&mut Self>,
        request: &mut Request<'_>,
        context: &mut Context<'_>,
        answer: &mut Answer<'_>,
    ) -> Poll<()> {
        let mut this = self.as_mut().project();
        match (this.start)(request) {
            Ok(future) => this.future.set(Some(future)),
            Err(rejection) => {
                tracing::debug!(part = "API Parser", ?rejection, "The arguments do not suit the function");
                answer.failure(&rejection);
                return Poll::Ready(());
            }
        }
        self.poll(context, answer)
    }

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, answer: &mut Answer<'_>) -> Poll<()> {
        let mut this = self.project();
        if let Some(future) = this.future.as_mut().as_pin_mut() {
            let output = ready!(future.poll(context));
            this.future.set(None);
            match output {
                Ok(body) => this.producer.set(body.begin(answer)),
                Err(failed) => answer.fail(failed),
            }
        }
        let Some(producer) = this.producer.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        ready!(producer.poll_produce(context, answer));
        this.producer.set(None);
        Poll::Ready(())
    }

    fn is_reusable(&self) -> bool {
        !std::mem::needs_drop::<S>()
    }
}

struct Erased<S>(S);

impl<S, F, B> ErasedFunction for Erased<S>
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection> + Clone + Send + Sync + 'static,
    F: Future<Output = Result<B, Failed>> + Send + 'static,
    B: Body + 'static,
{
    fn prepare(&self) -> Pin<Box<dyn Invocation>> {
        Box::pin(Call { start: self.0.clone(), future: None, producer: None::<B::Producer> })
    }
}

/// Forgets the types of a function that takes its arguments from a request and gives the future of its body.
pub fn function<S, F, B>(start: S) -> Box<dyn ErasedFunction>
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection> + Clone + Send + Sync + 'static,
    F: Future<Output = Result<B, Failed>> + Send + 'static,
    B: Body + 'static,
{
    Box::new(Erased(start))
}

impl fmt::Debug for dyn ErasedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

impl fmt::Debug for dyn Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invocation")
    }
}
