use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::write_item;
use super::context::call_of;
use super::decode::{decode, decode_item};
use super::watch::Watch;
use super::{Status, frame_buffer};
use crate::error::{Code, Rejection};
use crate::handler::{Extract, Request};
use crate::mux::{Handle, Intake, Outcome};
use crate::wire::{EncodeError, Encoding, v3};

/// A stream of items each way, as long as the call lasts: `In` come in, `Out` go out.
///
/// As a function's argument it makes the function a client stream (`Channel<In>`, whose result is the function's value)
/// or a duplex one (`Channel<In, Out>`). At the caller it is what opening such a function gives. Neither side can send
/// more than the other has room for: [`send`](Self::send) waits (credits, protocol V3).
///
/// ```
/// use asyncapy::prelude::*;
///
/// #[rpc]
/// async fn shout(mut channel: Channel<String, String>) -> Result<(), asyncapy::rpc::Status> {
///     while let Some(line) = channel.recv().await? {
///         channel.send(line.to_uppercase()).await?;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().register(shout).build()?.start_in_memory().await?;
/// let peer = server.handle().peer()?;
/// let mut channel = shout::call(&peer).await?;
/// channel.send("hello".to_owned()).await?;
/// assert_eq!(channel.recv().await?.as_deref(), Some("HELLO"));
/// channel.finish();
/// assert_eq!(channel.recv().await?, None);
/// # Ok(())
/// # }
/// ```
pub struct Channel<In, Out = Infallible> {
    receiver: Receiver<In>,
    sender: Sender<Out>,
}

/// The half of a [`Channel`] that receives.
pub struct Receiver<T> {
    intake: Intake,
    handle: Arc<Held>,
    items: PhantomData<fn() -> T>,
}

/// The half of a [`Channel`] that sends; dropped, it says that no more will come.
pub struct Sender<T> {
    handle: Arc<Held>,
    encoding: Encoding,
    items: PhantomData<fn(T)>,
}

/// A stream's handle, and who is told how it goes.
struct Held {
    handle: Handle,
    watch: Option<Box<Watch>>,
}

impl Held {
    /// How the stream has ended, if it has.
    fn outcome(&self) -> Option<(Outcome, Vec<u8>)> {
        let outcome = self.handle.outcome();
        if let (Some(watch), Some((outcome, _))) = (&self.watch, &outcome) {
            watch.end(outcome);
        }
        outcome
    }

    /// An item has come, with a payload of so many bytes.
    #[inline]
    fn note(&self, bytes: usize) {
        if let Some(watch) = &self.watch {
            watch.item(bytes);
        }
    }
}

/// Whoever let go of a stream that had ended need not have looked.
impl Drop for Held {
    fn drop(&mut self) {
        if self.watch.as_ref().is_some_and(|watch| watch.is_open()) {
            self.outcome();
        }
    }
}

impl std::ops::Deref for Held {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl<In, Out> Channel<In, Out> {
    pub(super) fn new(handle: Handle, encoding: Encoding, watch: Option<Box<Watch>>) -> Self {
        let receiver = Receiver::new(handle, watch);
        let handle = receiver.handle.clone();
        Self { receiver, sender: Sender { handle, encoding, items: PhantomData } }
    }

    /// Says that nothing more will be sent; receiving goes on. In a function it only keeps this side from sending: its
    /// caller learns of it when the function returns.
    pub fn finish(&self) {
        self.sender.finish();
    }

    /// Two halves, for two tasks.
    pub fn split(self) -> (Sender<Out>, Receiver<In>) {
        (self.sender, self.receiver)
    }

    /// Waits for the function's result; at the caller alone.
    ///
    /// # Errors
    /// What the function, or the way to it, failed with.
    pub async fn result<R: DeserializeOwned + 'static>(&self) -> Result<R, Status> {
        self.receiver.result().await
    }
}

impl<In: DeserializeOwned + 'static, Out> Channel<In, Out> {
    /// The next item; none once the other side sends no more.
    ///
    /// # Errors
    /// Why the stream has ended, if not well; an item that is no `In`.
    pub async fn recv(&mut self) -> Result<Option<In>, Status> {
        self.receiver.recv().await
    }
}

impl<In, Out: Serialize + 'static> Channel<In, Out> {
    /// Sends an item, once the other side has room for it.
    ///
    /// # Errors
    /// Why the stream takes nothing more; an item that cannot be written.
    pub async fn send(&self, item: Out) -> Result<(), Status> {
        self.sender.send(item).await
    }
}

impl<T> Receiver<T> {
    fn new(handle: Handle, watch: Option<Box<Watch>>) -> Self {
        let intake = Intake::new(&handle);
        Self { intake, handle: Arc::new(Held { handle, watch }), items: PhantomData }
    }

    /// Waits for the function's result; at the caller alone.
    ///
    /// # Errors
    /// What the function, or the way to it, failed with.
    pub async fn result<R: DeserializeOwned + 'static>(&self) -> Result<R, Status> {
        self.handle.ended().await;
        match self.handle.outcome() {
            Some((Outcome::Result(encoding), payload)) => decode(encoding, Bytes::from(payload)),
            Some((Outcome::Empty, _)) => decode(Some(Encoding::Json), Bytes::from_static(b"null")),
            Some((outcome, _)) => Err(Status::of(outcome)),
            None => Err(Status::new(Code::Cancelled)),
        }
    }

    /// Why the stream has ended, if not well.
    fn end(&self) -> Option<Status> {
        match self.handle.outcome() {
            None | Some((Outcome::Result(_) | Outcome::Empty, _)) => None,
            Some((outcome, _)) => Some(Status::of(outcome)),
        }
    }
}

impl<T: DeserializeOwned + 'static> Receiver<T> {
    /// The next item; none once the other side sends no more.
    ///
    /// # Errors
    /// Why the stream has ended, if not well; an item that is no `T`.
    pub async fn recv(&mut self) -> Result<Option<T>, Status> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    fn poll_recv(&mut self, context: &Context<'_>) -> Poll<Result<Option<T>, Status>> {
        match ready!(self.intake.poll_next(context)) {
            Some(item) => {
                self.handle.note(item.payload.len());
                Poll::Ready(decode_item(item).map(Some))
            }
            None => Poll::Ready(self.end().map_or(Ok(None), Err)),
        }
    }
}

impl<T: Serialize + 'static> Sender<T> {
    /// Sends an item, once the other side has room for it.
    ///
    /// # Errors
    /// Why the stream takes nothing more; an item that cannot be written.
    pub async fn send(&self, item: T) -> Result<(), Status> {
        let (mut item, mut waiting) = (Some(item), None::<(BytesMut, usize)>);
        let sent = poll_fn(|context| {
            if let Some((frame, payload)) = &mut waiting {
                return self.handle.poll_send(context, frame, *payload).map(Ok);
            }
            let Some(item) = item.take() else { return Poll::Ready(Ok(false)) };
            frame_buffer::lend(|frame| {
                let (framing, flags) = (self.handle.mux().outgoing(), v3::Flags::NONE);
                let payload = write_item(&item, framing, self.encoding, 0, flags, frame)?;
                let polled = self.handle.poll_send(context, frame, payload);
                if polled.is_pending() {
                    waiting = Some((frame[..].into(), payload));
                }
                polled.map(Ok)
            })
        });
        match sent.await.map_err(|error: EncodeError| Status::from(crate::Error::from(error)))? {
            true => Ok(()),
            false => Err(match self.handle.outcome() {
                Some((Outcome::Result(_) | Outcome::Empty, _)) | None => {
                    Status::new(Code::Cancelled).message("the stream takes nothing more")
                }
                Some((outcome, _)) => Status::of(outcome),
            }),
        }
    }
}

impl<T> Sender<T> {
    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        self.handle.finish();
    }
}

/// Whoever is not there can send nothing.
impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.handle.finish();
    }
}

/// Items that stand alone, as a server stream gives them to its caller: `while let Some(item) = items.next().await`.
///
/// Dropped before its end, it cancels the stream: the function is dropped where it waits.
pub struct Items<T>(Option<Receiver<T>>);

impl<T> Items<T> {
    pub(super) fn new(handle: Handle, watch: Option<Box<Watch>>) -> Self {
        Self(Some(Receiver::new(handle, watch)))
    }
}

impl<T: DeserializeOwned + 'static> Items<T> {
    /// The next item; none once the stream has ended well. After an error there is none either.
    ///
    /// # Errors
    /// What the function, or the way to it, failed with; an item that is no `T`; `ERR_REQUEST_MALFORMED` from a function that
    /// gives no stream.
    pub async fn next(&mut self) -> Option<Result<T, Status>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let Some(receiver) = &mut self.0 else { return Poll::Ready(None) };
        let mut item = ready!(receiver.poll_recv(context)).transpose();
        if item.is_none()
            && let Some((outcome @ Outcome::Result(_), _)) = receiver.handle.outcome()
        {
            item = Some(Err(Status::of(outcome)));
        }
        if !matches!(item, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(item)
    }
}

impl<T: DeserializeOwned + 'static> Stream for Items<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<In: Send + 'static, Out: Send + 'static> Extract for Channel<In, Out> {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        let call = call_of(request)?;
        Ok(Self::new(call.enter(), call.encoding, None))
    }
}

impl<In, Out> fmt::Debug for Channel<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.receiver.handle.handle).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.handle.handle).finish()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.handle.handle).finish()
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Items").field(&self.0).finish()
    }
}
