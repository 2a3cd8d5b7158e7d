use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

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
        let slot = Arc::<Mutex<Slot<T>>>::default();
        let future = code(Sink { slot: slot.clone() });
        Self(Produced { future: Some(Box::pin(future)), slot, panic: None })
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
    slot: Arc<Mutex<Slot<T>>>,
    /// What the closure has panicked with, while the item that it has sent before goes first.
    panic: Option<Box<dyn Any + Send>>,
}

/// Where the closure of [`Streaming::produce`] sends its items.
pub struct Sink<T> {
    slot: Arc<Mutex<Slot<T>>>,
}

/// Where an item lies between the two.
struct Slot<T> {
    /// The item that was sent and not yet taken.
    item: Option<T>,
    /// Whoever takes them: it polls the closure too, so that a sender with this waker need not be woken.
    reader: Option<Waker>,
    /// The others who wait to send the next one.
    waiting: Vec<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { item: None, reader: None, waiting: Vec::new() }
    }
}

impl<T> Sink<T> {
    /// Sends an item once the one before was taken.
    pub async fn send(&self, item: T) {
        let mut item = Some(item);
        poll_fn(|context| {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.item.is_some() {
                let mut known = slot.reader.iter().chain(&slot.waiting);
                if !known.any(|waker| waker.will_wake(context.waker())) {
                    slot.waiting.push(context.waker().clone());
                }
                return Poll::Pending;
            }
            slot.item = item.take();
            Poll::Ready(())
        })
        .await;
    }
}

impl<T> Stream for Produced<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let take = |slot: &Mutex<Slot<T>>| {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if !slot.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
                // Somebody may have relied on the one before.
                let before = slot.reader.replace(context.waker().clone());
                slot.waiting.extend(before);
            }
            let item = slot.item.take()?;
            if !slot.waiting.is_empty() {
                let waiting = std::mem::take(&mut slot.waiting);
                drop(slot);
                waiting.into_iter().for_each(Waker::wake);
            }
            Some(item)
        };
        if let Some(item) = take(&this.slot) {
            return Poll::Ready(Some(item));
        }
        let ended = match &mut this.future {
            Some(future) => {
                let mut context = Context::from_waker(context.waker());
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
                    Ok(polled) => polled.is_ready(),
                    Err(panic) => {
                        this.panic = Some(panic);
                        true
                    }
                }
            }
            None => true,
        };
        if ended {
            this.future = None;
        }
        match take(&this.slot) {
            Some(item) => Poll::Ready(Some(item)),
            None if ended => match this.panic.take() {
                Some(panic) => resume_unwind(panic),
                None => Poll::Ready(None),
            },
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
    use std::sync::atomic::{AtomicBool, Ordering};

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

    #[tokio::test]
    async fn what_was_sent_goes_before_a_panic() {
        let sent = Streaming::produce(async |sink: Sink<u32>| {
            sink.send(1).await;
            panic!("as asked for");
        });
        let mut stream = Box::pin(sent.into_inner());
        assert_eq!(poll_fn(|context| stream.as_mut().poll_next(context)).await, Some(1));
        let mut next = || stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
        catch_unwind(AssertUnwindSafe(&mut next)).unwrap_err();
        assert_eq!(next(), Poll::Ready(None));
    }

    /// A future that is polled only when its own waker was woken, as sets of futures do it.
    struct Alone<F> {
        future: F,
        woken: Arc<Woken>,
    }

    #[derive(Default)]
    struct Woken {
        flag: AtomicBool,
        outer: Mutex<Option<Waker>>,
    }

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.flag.store(true, Ordering::Relaxed);
            self.outer.lock().unwrap().take().into_iter().for_each(Waker::wake);
        }
    }

    impl<F: Future + Unpin> Future for Alone<F> {
        type Output = F::Output;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
            *self.woken.outer.lock().unwrap() = Some(context.waker().clone());
            if !self.woken.flag.swap(false, Ordering::Relaxed) {
                return Poll::Pending;
            }
            let waker = Waker::from(self.woken.clone());
            Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_to_send_is_woken() {
        let sent = Streaming::produce(async |sink: Sink<u32>| {
            let alone = |number| {
                let woken = Arc::new(Woken { flag: true.into(), ..Woken::default() });
                Alone { future: Box::pin(sink.send(number)), woken }
            };
            tokio::join!(alone(1), alone(2), alone(3));
        });
        let all = tokio::time::timeout(std::time::Duration::from_secs(1), all(sent)).await;
        assert_eq!(all.expect("nobody was woken"), [1, 2, 3]);
    }
    #[test]
    fn a_stream_that_moves_to_another_task_wakes_the_senders_of_the_first() {
        let given = Arc::<Mutex<Option<Sink<u32>>>>::default();
        let place = given.clone();
        let sent = Streaming::produce(move |sink| {
            *place.lock().unwrap() = Some(sink);
            std::future::pending()
        });
        let mut stream = std::pin::pin!(sent.into_inner());
        let (first, second) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let wakers = [&first, &second].map(|woken| Waker::from(woken.clone()));
        let [mut first_task, mut second_task] = wakers.each_ref().map(Context::from_waker);
        assert!(stream.as_mut().poll_next(&mut first_task).is_pending());
        let sink = given.lock().unwrap().take().unwrap();
        assert!(std::pin::pin!(sink.send(1)).as_mut().poll(&mut first_task).is_ready());
        let mut next = std::pin::pin!(sink.send(2));
        assert!(next.as_mut().poll(&mut first_task).is_pending());
        assert_eq!(stream.as_mut().poll_next(&mut second_task), Poll::Ready(Some(1)));
        assert!(first.flag.load(Ordering::Relaxed), "nobody has woken the sender");
        assert!(next.as_mut().poll(&mut first_task).is_ready());
        assert_eq!(stream.as_mut().poll_next(&mut second_task), Poll::Ready(Some(2)));
    }
}
