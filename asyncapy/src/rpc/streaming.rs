use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::answer::Failed;

/// A function's return type whose items go to the caller one by one: a server stream.
///
/// The items are made no faster than the caller takes them (credits, protocol V3). They may be `Result`s: the first
/// error ends the stream, and the caller reads it. When the caller drops its end, the stream is dropped where it
/// waits.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::Streaming;
///
/// #[rpc]
/// async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
///     Streaming::iter(1..=to)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().register(count).build()?.start_in_memory().await?;
/// let peer = server.handle().peer()?;
/// let mut numbers = count::call(&peer, 3).await?;
/// let mut sum = 0;
/// while let Some(number) = numbers.next().await {
///     sum += number?;
/// }
/// assert_eq!(sum, 6);
/// # Ok(())
/// # }
/// ```
pub struct Streaming<S>(S);

impl<S: Stream> Streaming<S> {
    /// The items of a stream.
    pub fn new(stream: S) -> Self {
        Self(stream)
    }

    pub(super) fn into_inner(self) -> S {
        self.0
    }
}

impl<I: Iterator> Streaming<Iter<I>> {
    /// The items of an iterator.
    pub fn iter(items: impl IntoIterator<IntoIter = I>) -> Self {
        Self(Iter(items.into_iter()))
    }
}

impl<T: Send> Streaming<Produced<T>> {
    /// What an async closure sends, an item at a time: each [`send`](Sink::send) waits until the caller has room for
    /// it. The stream ends with the closure.
    ///
    /// ```
    /// use asyncapy::prelude::*;
    /// use asyncapy::rpc::Streaming;
    ///
    /// #[rpc]
    /// async fn squares(to: u64) -> Streaming<impl Stream<Item = u64>> {
    ///     Streaming::produce(async move |sink| {
    ///         for number in 1..=to {
    ///             sink.send(number * number).await;
    ///         }
    ///     })
    /// }
    /// ```
    pub fn produce<F, R>(code: F) -> Self
    where
        F: FnOnce(Sink<T>) -> R,
        R: Future<Output = ()> + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let future = code(Sink { slot: slot.clone() });
        Self(Produced { future: Some(Box::pin(future)), slot })
    }
}

/// Sends what a stream gives into another's sink, up to the first error: so a stream can borrow from what lives in the
/// same future.
pub async fn forward<S: Stream, T>(
    items: Streaming<S>,
    mut map: impl FnMut(S::Item) -> Result<T, Failed>,
    sink: Sink<Result<T, Failed>>,
) {
    let mut stream = std::pin::pin!(items.into_inner());
    while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        let item = map(item);
        let last = item.is_err();
        sink.send(item).await;
        if last {
            return;
        }
    }
}

impl<S> fmt::Debug for Streaming<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streaming")
    }
}

/// The stream of [`Streaming::iter`].
#[derive(Debug)]
pub struct Iter<I>(I);

/// An iterator need not stay where it is.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// The stream of [`Streaming::produce`].
pub struct Produced<T> {
    /// None once it has ended.
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The item that was sent and not yet taken.
    slot: Arc<Mutex<Option<T>>>,
}

/// Where the closure of [`Streaming::produce`] sends its items.
pub struct Sink<T> {
    slot: Arc<Mutex<Option<T>>>,
}

impl<T> Sink<T> {
    /// Sends an item once the one before was taken.
    pub async fn send(&self, item: T) {
        let mut item = Some(item);
        // Whoever takes the item polls right after: nobody need be woken.
        poll_fn(|_| {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.is_some() {
                return Poll::Pending;
            }
            *slot = item.take();
            Poll::Ready(())
        })
        .await;
    }
}

impl<T> Stream for Produced<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let take = |slot: &Mutex<Option<T>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(item) = take(&this.slot) {
            return Poll::Ready(Some(item));
        }
        let ended = match &mut this.future {
            Some(future) => future.as_mut().poll(context).is_ready(),
            None => true,
        };
        if ended {
            this.future = None;
        }
        match take(&this.slot) {
            Some(item) => Poll::Ready(Some(item)),
            None if ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Produced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Produced")
    }
}

impl<T> fmt::Debug for Sink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all<S: Stream>(streaming: Streaming<S>) -> Vec<S::Item> {
        let mut stream = Box::pin(streaming.into_inner());
        let mut items = Vec::new();
        while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            items.push(item);
        }
        items
    }

    #[tokio::test(start_paused = true)]
    async fn a_closure_sends_item_by_item() {
        let sent = Streaming::produce(async |sink: Sink<u32>| {
            for number in 0..3 {
                sink.send(number).await;
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            sink.send(9).await;
        });
        assert_eq!(all(sent).await, [0, 1, 2, 9]);
        assert!(all(Streaming::produce(async |_: Sink<u32>| {})).await.is_empty());
        assert_eq!(all(Streaming::iter(0..3)).await, [0, 1, 2]);
    }
}
