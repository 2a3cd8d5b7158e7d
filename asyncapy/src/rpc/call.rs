use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::args::Arguments;
use super::caller::{Again, Caller};
use super::decode::decode_slice;
use super::middleware::{Exchange, Reply, Step};
use super::opening::Opening;
use super::{Channel, Items, Status};
use crate::error::Code;
use crate::mux::{Handle, Outcome};
use crate::wire::Encoding;
use crate::wire::v3::{Metadata, MetadataValue};

/// A call of a function, which begins when it is awaited. Dropped before its end, it is cancelled: the function is
/// dropped where it waits.
#[must_use = "a call is made when it is awaited"]
pub struct Call<'a, C: Caller, A, R, E = Status> {
    opening: Opening<'a, C, A>,
    handle: Option<Handle>,
    /// The way through middleware, where there is any.
    exchange: Option<Box<Exchange>>,
    result: PhantomData<fn() -> Result<R, E>>,
}

/// The opening of a server stream, which begins when it is awaited and gives the [`Items`].
#[must_use = "a stream is opened when it is awaited"]
pub struct OpenItems<'a, C: Caller, A, T> {
    opening: Option<Opening<'a, C, A>>,
    exchange: Option<Box<Exchange>>,
    items: PhantomData<fn() -> T>,
}

/// The opening of a client stream or a duplex one, which begins when it is awaited and gives the caller's [`Channel`].
#[must_use = "a channel is opened when it is awaited"]
pub struct OpenChannel<'a, C: Caller, A, In, Out> {
    opening: Option<Opening<'a, C, A>>,
    exchange: Option<Box<Exchange>>,
    items: PhantomData<fn(Out) -> In>,
}

impl<'a, C: Caller, A: Arguments, R, E> Call<'a, C, A, R, E> {
    /// A call of `target`, for what the macros write.
    #[doc(hidden)]
    pub fn new(caller: &'a C, target: &'a str, idempotent: bool, arguments: A) -> Self {
        let opening = Opening::new(caller, target, idempotent, arguments);
        Self { opening, handle: None, exchange: None, result: PhantomData }
    }
}

impl<'a, C: Caller, A: Arguments, T> OpenItems<'a, C, A, T> {
    /// An opening of `target`, for what the macros write.
    #[doc(hidden)]
    pub fn new(caller: &'a C, target: &'a str, idempotent: bool, arguments: A) -> Self {
        let opening = Some(Opening::new(caller, target, idempotent, arguments));
        Self { opening, exchange: None, items: PhantomData }
    }
}

impl<'a, C: Caller, A: Arguments, In, Out> OpenChannel<'a, C, A, In, Out> {
    /// An opening of `target`, for what the macros write.
    #[doc(hidden)]
    pub fn new(caller: &'a C, target: &'a str, idempotent: bool, arguments: A) -> Self {
        let opening = Some(Opening::new(caller, target, idempotent, arguments));
        Self { opening, exchange: None, items: PhantomData }
    }
}

/// What can be said of a call besides its arguments is the same for all three.
macro_rules! options {
    ($this:ident => $options:expr; $($head:tt)*) => {
        $($head)* {
            /// How long it may take, to its end; by default the caller's timeout for a call, and no limit for a
            /// stream. It travels along: the function is dropped when the time is over.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                let $this = &mut self;
                $options.for_each(|options| options.timeout = Some(timeout));
                self
            }

            /// Until when it may take, where that is earlier than the timeout says.
            pub fn deadline(mut self, deadline: Instant) -> Self {
                let $this = &mut self;
                $options.for_each(|options| options.deadline = Some(deadline));
                self
            }

            /// Sends something along: a function reads it by its argument [`Metadata`].
            pub fn metadata(mut self, name: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
                let $this = &mut self;
                let (name, value) = (name.into(), value.into());
                if let Some(options) = $options.next() {
                    options.metadata.get_or_insert_default().insert(name, value);
                }
                self
            }

            /// Sends all of these along.
            pub fn with_metadata(mut self, metadata: Metadata) -> Self {
                let $this = &mut self;
                if let Some(options) = $options.next() {
                    options.metadata = Some(Box::new(metadata));
                }
                self
            }

            /// Sends it to this server and no other; a client with several knows them by their endpoints.
            pub fn server(mut self, server: &str) -> Self {
                let $this = &mut self;
                $options.for_each(|options| options.server = Some(server.into()));
                self
            }

            /// Whether it may be run twice without harm, so that a client repeats it when a server is lost.
            pub fn idempotent(mut self, idempotent: bool) -> Self {
                let $this = &mut self;
                $options.for_each(|options| options.idempotent = Some(idempotent));
                self
            }
        }
    };
}

options!(this => std::iter::once(&mut this.opening.options); impl<C: Caller, A: Arguments, R, E> Call<'_, C, A, R, E>);
options!(this => this.opening.iter_mut().map(|opening| &mut opening.options); impl<C: Caller, A: Arguments, T> OpenItems<'_, C, A, T>);
options!(this => this.opening.iter_mut().map(|opening| &mut opening.options); impl<C: Caller, A: Arguments, In, Out> OpenChannel<'_, C, A, In, Out>);

/// Nothing of a call is pinned: it may move between polls.
impl<C: Caller, A, R, E> Unpin for Call<'_, C, A, R, E> {}
impl<C: Caller, A, T> Unpin for OpenItems<'_, C, A, T> {}
impl<C: Caller, A, In, Out> Unpin for OpenChannel<'_, C, A, In, Out> {}

thread_local! {
    /// Where a result is put before it is read.
    static RESULT: std::cell::Cell<Vec<u8>> = const { std::cell::Cell::new(Vec::new()) };
}

impl<C, A, R, E> Future for Call<'_, C, A, R, E>
where
    C: Caller,
    A: Arguments,
    R: DeserializeOwned + 'static,
    E: From<Status>,
{
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R, E>> {
        let this = &mut *self;
        if this.opening.has_middleware() {
            return this.poll_exchange(context);
        }
        loop {
            let Some(handle) = &mut this.handle else {
                match ready!(this.opening.poll(context, true, false)) {
                    // Who opens it is woken at its end: there is nothing to ask before.
                    Ok((handle, _)) => this.handle = Some(handle),
                    Err(status) => return Poll::Ready(Err(status.into())),
                }
                return Poll::Pending;
            };
            let mut buffer = RESULT.take();
            let result = match handle.poll_outcome(context, &mut buffer) {
                Poll::Ready(Outcome::Result(encoding)) => decode_slice(encoding, &buffer),
                Poll::Ready(outcome) => Err(Status::of(outcome)),
                Poll::Pending => {
                    RESULT.set(buffer);
                    return Poll::Pending;
                }
            };
            RESULT.set(buffer);
            this.handle = None;
            if this.opening.end(result.as_ref().err()) == Again::No {
                return Poll::Ready(result.map_err(E::from));
            }
        }
    }
}

impl<C, A, R, E> Call<'_, C, A, R, E>
where
    C: Caller,
    A: Arguments,
    R: DeserializeOwned + 'static,
    E: From<Status>,
{
    /// The way through the caller's middleware.
    #[inline(never)]
    fn poll_exchange(&mut self, context: &mut Context<'_>) -> Poll<Result<R, E>> {
        let Self { opening, handle, exchange, .. } = self;
        let Some(exchange) = opening.exchange(exchange, false) else { return Poll::Pending };
        let outcome = ready!(exchange.poll(context, &mut |step, context| {
            match step {
                Step::Begin(call) => opening.begin(call),
                Step::GoOn => {}
                Step::GiveUp => {
                    *handle = None;
                    opening.end(Some(&Status::new(Code::Cancelled)));
                    return Poll::Pending;
                }
            }
            poll_reply(opening, handle, context)
        }));
        // What was under way and is not asked for any more is given up.
        *handle = None;
        Poll::Ready(outcome.and_then(|reply| reply.value()).map_err(E::from))
    }
}

/// Makes a call, and gives its result as it came.
fn poll_reply<C: Caller, A: Arguments>(
    opening: &mut Opening<'_, C, A>,
    handle: &mut Option<Handle>,
    context: &mut Context<'_>,
) -> Poll<Result<Reply, Status>> {
    loop {
        let stream = match handle {
            Some(stream) => stream,
            None => handle.insert(ready!(opening.poll(context, true, false))?.0),
        };
        let mut payload = Vec::new();
        let reply = match ready!(stream.poll_outcome(context, &mut payload)) {
            Outcome::Result(encoding) => Ok(Reply::written(payload.into(), encoding)),
            outcome => Err(Status::of(outcome)),
        };
        *handle = None;
        if opening.end(reply.as_ref().err()) == Again::No {
            return Poll::Ready(reply);
        }
    }
}

/// Opens a stream, if need be through the caller's middleware.
fn poll_opened<C: Caller, A: Arguments>(
    opening: &mut Opening<'_, C, A>,
    exchange: &mut Option<Box<Exchange>>,
    context: &mut Context<'_>,
    ends: bool,
) -> Poll<Result<(Handle, Encoding), Status>> {
    if !opening.has_middleware() {
        return opening.poll(context, ends, true);
    }
    let Some(exchange) = opening.exchange(exchange, true) else { return Poll::Pending };
    let outcome = ready!(exchange.poll(context, &mut |step, context| {
        match step {
            Step::Begin(call) => opening.begin(call),
            Step::GoOn => {}
            Step::GiveUp => {
                opening.end(Some(&Status::new(Code::Cancelled)));
                return Poll::Pending;
            }
        }
        opening.opened = Some(ready!(opening.poll(context, ends, true))?);
        Poll::Ready(Ok(Reply::Streamed { items: 0, bytes: 0 }))
    }));
    let opened = opening.opened.take();
    Poll::Ready(outcome.and_then(|_| {
        let why = "middleware has answered, and a stream cannot be made of that";
        opened.ok_or_else(|| Status::new(Code::RequestMalformed).message(why))
    }))
}

impl<C, A, T> Future for OpenItems<'_, C, A, T>
where
    C: Caller,
    A: Arguments,
{
    type Output = Result<Items<T>, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { opening: Some(opening), exchange, .. } = &mut *self else { return Poll::Pending };
        let opened = ready!(poll_opened(opening, exchange, context, true));
        let watch = self.opening.take().and_then(|opening| opening.into_watch(true));
        Poll::Ready(opened.map(|(handle, _)| Items::new(handle, watch)))
    }
}

impl<C, A, In, Out> Future for OpenChannel<'_, C, A, In, Out>
where
    C: Caller,
    A: Arguments,
{
    type Output = Result<Channel<In, Out>, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { opening: Some(opening), exchange, .. } = &mut *self else { return Poll::Pending };
        let opened = ready!(poll_opened(opening, exchange, context, false));
        let watch = self.opening.take().and_then(|opening| opening.into_watch(false));
        Poll::Ready(opened.map(|(handle, encoding)| Channel::new(handle, encoding, watch)))
    }
}

impl<C: Caller, A, R, E> fmt::Debug for Call<'_, C, A, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.handle).finish()
    }
}

impl<C: Caller, A, T> fmt::Debug for OpenItems<'_, C, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenItems")
    }
}

impl<C: Caller, A, In, Out> fmt::Debug for OpenChannel<'_, C, A, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenChannel")
    }
}
