use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

pin_project! {
    /// A function's future, and what takes its value apart.
    ///
    /// It is no async block, so that the compiler names the function itself where its future cannot be sent.
    pub struct Called<F, M> {
        #[pin]
        future: F,
        take_apart: Option<M>,
    }
}

/// Takes apart what a future gives.
pub fn called<F: Future, M: FnOnce(F::Output) -> R, R>(future: F, take_apart: M) -> Called<F, M> {
    Called { future, take_apart: Some(take_apart) }
}

impl<F: Future, M: FnOnce(F::Output) -> R, R> Future for Called<F, M> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let output = ready!(this.future.poll(context));
        match this.take_apart.take() {
            Some(take_apart) => Poll::Ready(take_apart(output)),
            None => Poll::Pending,
        }
    }
}

impl<F, M> fmt::Debug for Called<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Called")
    }
}
