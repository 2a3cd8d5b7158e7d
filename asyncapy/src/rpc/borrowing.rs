use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::Streaming;
use super::answer::Failed;

/// Where a future puts the item that it hands over: an `Option<Handed<T>>`.
type Place = Box<dyn Any>;

thread_local! {
    /// The place of the [`Borrowing`] that is being polled: it lends its own to its future for as long as that runs, so that
    /// no item costs a lock.
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

pin_project! {
    /// The stream of a service's method: a future that holds both the service and a stream that borrows from it, and
    /// hands over what the stream gives.
    pub struct Borrowing<F, T> {
        // None once it has ended.
        #[pin]
        future: Option<F>,
        // Kept from one item to the next.
        place: Option<Box<Option<Handed<T>>>>,
    }
}

/// An item, or why there is no stream; that is seldom, and large.
type Handed<T> = Result<T, Box<Failed>>;

/// Hands the items of a [`Borrowing`] over to whoever polls it.
pub struct Hand<T>(PhantomData<fn(T)>);

/// A stream of what the future hands over.
pub fn borrowing<T, F, R>(future: F) -> Streaming<Borrowing<R, T>>
where
    T: 'static,
    F: FnOnce(Hand<T>) -> R,
    R: Future<Output = ()>,
{
    Streaming::new(Borrowing { future: Some(future(Hand(PhantomData))), place: None })
}

/// Hands over what a stream gives.
pub async fn forward<S: Stream>(items: Streaming<S>, hand: Hand<S::Item>)
where
    S::Item: 'static,
{
    let mut stream = pin!(items.into_inner());
    poll_fn(|context| match ready!(stream.as_mut().poll_next(context)) {
        Some(item) => hand.over(Ok(item)),
        None => Poll::Ready(()),
    })
    .await;
}

/// Hands over an error instead of a stream.
pub async fn forward_failure<T: 'static>(failed: Failed, hand: Hand<T>) {
    let mut failed = Some(failed);
    let over = |failed| hand.over(Err(Box::new(failed)));
    poll_fn(|_| failed.take().map_or(Poll::Ready(()), over)).await;
}

impl<T: 'static> Hand<T> {
    /// Puts an item where it is taken from. Pending, and nobody is asked to wake: whoever gets an item polls again when it
    /// wants the next.
    fn over(&self, item: Handed<T>) -> Poll<()> {
        PLACE.with(|lent| {
            let mut place = lent.take();
            if let Some(place) = place.as_mut().and_then(|place| place.downcast_mut::<Option<Handed<T>>>()) {
                *place = Some(item);
            }
            lent.set(place);
        });
        Poll::Pending
    }
}

/// Gives the place of an outer stream back, also where the inner one panics.
struct Outer<'a> {
    lent: &'a Cell<Option<Place>>,
    place: Option<Place>,
}

impl Drop for Outer<'_> {
    fn drop(&mut self) {
        self.lent.set(self.place.take());
    }
}

impl<F: Future<Output = ()>, T: 'static> Stream for Borrowing<F, T> {
    type Item = Handed<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Handed<T>>> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let place = this.place.take().unwrap_or_default();
        let (polled, place) = PLACE.with(|lent| {
            let outer = Outer { lent, place: lent.replace(Some(place)) };
            let polled = future.poll(context);
            let place = lent.take();
            drop(outer);
            (polled, place)
        });
        if polled.is_ready() {
            this.future.set(None);
        }
        *this.place = place.and_then(|place| place.downcast().ok());
        match this.place.as_mut().and_then(|place| place.take()) {
            Some(item) => Poll::Ready(Some(item)),
            None => polled.map(|()| None),
        }
    }
}

impl<F, T> fmt::Debug for Borrowing<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Borrowing")
    }
}

impl<T> fmt::Debug for Hand<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hand")
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::Code;

    /// What the service's method gives, with a share in the service.
    fn numbers(service: Arc<Vec<u32>>) -> Streaming<impl Stream<Item = Handed<u32>>> {
        borrowing(|hand| async move { forward(Streaming::iter(service.iter().copied()), hand).await })
    }

    async fn all<T>(items: Streaming<impl Stream<Item = Handed<T>>>) -> Vec<Option<T>> {
        let mut stream = pin!(items.into_inner());
        let mut all = Vec::new();
        while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            all.push(item.ok());
        }
        all
    }

    #[tokio::test]
    async fn items_come_in_order_and_end() {
        assert_eq!(all(numbers(Arc::new(vec![1, 2, 3]))).await, [Some(1), Some(2), Some(3)]);
        assert!(all(numbers(Arc::default())).await.is_empty());
        let none = borrowing::<u32, _, _>(|hand| forward_failure(Failed::of(&Code::Overloaded), hand));
        assert_eq!(all(none).await, [None]);
    }

    #[tokio::test]
    async fn one_in_another_keeps_to_its_own_place() {
        // The outer one gives items of another type, and of the same.
        let outer = borrowing(|hand| async move { forward(numbers(Arc::new(vec![1, 2])), hand).await });
        let flat: Vec<_> = all(outer).await.into_iter().map(|item| item.and_then(Result::ok)).collect();
        assert_eq!(flat, [Some(1), Some(2)]);
        let outer = borrowing(|hand| async move {
            let mut inner = all(numbers(Arc::new(vec![1, 2]))).await.into_iter().flatten();
            forward(Streaming::iter(std::iter::from_fn(move || inner.next())), hand).await;
        });
        assert_eq!(all(outer).await, [Some(1), Some(2)]);
    }

    #[tokio::test]
    async fn nothing_is_made_before_it_is_asked_for() {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let counted = (0..).inspect(|_: &u32| {
            MADE.fetch_add(1, Ordering::Relaxed);
        });
        let items = borrowing(|hand| async move { forward(Streaming::iter(counted), hand).await });
        let mut stream = pin!(items.into_inner());
        for wanted in 1..=5 {
            poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
            assert_eq!(MADE.load(Ordering::Relaxed), wanted);
        }
    }

    #[tokio::test]
    async fn a_panic_leaves_the_thread_as_it_was() {
        let panics = borrowing::<u32, _, _>(|_| async { panic!("as asked for") });
        let mut stream = pin!(panics.into_inner());
        let mut context = Context::from_waker(std::task::Waker::noop());
        catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll_next(&mut context).is_ready())).unwrap_err();
        assert!(PLACE.take().is_none());
        assert_eq!(all(numbers(Arc::new(vec![7]))).await, [Some(7)]);
    }
}
