use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use super::answer::{Answer, Failed};

/// What can be sent to a caller; it is here for what the compiler says of what cannot.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to the caller",
    label = "not serializable",
    note = "derive serde's `Serialize` for it; the return type of a function that gives a stream is written out: `Streaming<..>`"
)]
pub trait SentToCaller: Serialize + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send + 'static> SentToCaller for T {}

/// What a function has given, once its types are known: a value, or a stream of items.
pub trait Body: Send {
    /// What gives the items.
    type Producer: Producer;

    /// Writes the value, or begins the stream.
    fn begin(self, answer: &mut Answer<'_>) -> Option<Self::Producer>;
}

/// Gives items until there are no more.
pub trait Producer: Send {
    /// Goes on; ready when the call was answered.
    fn poll_produce(self: Pin<&mut Self>, context: &mut Context<'_>, answer: &mut Answer<'_>) -> Poll<()>;
}

/// A value: the result of a call.
#[derive(Debug)]
pub struct Value<T>(pub T);

/// There are no items.
#[derive(Debug)]
pub enum NoItems {}

impl<T: SentToCaller> Body for Value<T> {
    type Producer = NoItems;

    fn begin(self, answer: &mut Answer<'_>) -> Option<NoItems> {
        answer.result(&self.0);
        None
    }
}

impl Producer for NoItems {
    fn poll_produce(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut Answer<'_>) -> Poll<()> {
        match *self {}
    }
}

pin_project! {
    /// A stream of items, and how one of them becomes a value or a failure.
    pub struct Items<S, M> {
        #[pin]
        stream: S,
        map: M,
    }
}

impl<S, M> Items<S, M> {
    pub(super) fn new(stream: S, map: M) -> Self {
        Self { stream, map }
    }
}

impl<S, M> std::fmt::Debug for Items<S, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Items")
    }
}

impl<S, M, T> Body for Items<S, M>
where
    S: Stream + Send,
    M: FnMut(S::Item) -> Result<T, Failed> + Send,
    T: SentToCaller,
{
    type Producer = Self;

    fn begin(self, _: &mut Answer<'_>) -> Option<Self> {
        Some(self)
    }
}

impl<S, M, T> Producer for Items<S, M>
where
    S: Stream + Send,
    M: FnMut(S::Item) -> Result<T, Failed> + Send,
    T: SentToCaller,
{
    fn poll_produce(self: Pin<&mut Self>, context: &mut Context<'_>, answer: &mut Answer<'_>) -> Poll<()> {
        let mut this = self.project();
        while answer.may_send() {
            match ready!(this.stream.as_mut().poll_next(context)).map(&mut *this.map) {
                Some(Ok(item)) => {
                    if !answer.item(&item) {
                        return Poll::Ready(());
                    }
                }
                Some(Err(failed)) => {
                    answer.fail(failed);
                    return Poll::Ready(());
                }
                None => {
                    answer.end();
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }
}
