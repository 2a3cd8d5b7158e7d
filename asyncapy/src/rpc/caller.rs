use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::middleware::{Layers, Middleware, OutgoingCall, With};
use super::{Peer, Status};
use crate::wire::v3::Metadata;

/// Whoever calls can be called upon: one connection ([`Peer`]), or a client that has several to choose from.
///
/// Typed stubs take any of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make calls",
    label = "not a caller",
    note = "calls go by way of a connection's `Peer`, or of a client"
)]
pub trait Caller: Send + Sync {
    /// What the choice of a connection leaves behind until the call has ended.
    type Ticket: Send + 'static;

    /// Chooses the connection for a call.
    ///
    /// # Errors
    /// There is none, and will be none in time.
    #[doc(hidden)]
    fn poll_choose(
        &self,
        context: &mut Context<'_>,
        request: &CallRequest<'_>,
        choice: &mut Choice,
    ) -> Poll<Result<(Peer, Self::Ticket), Status>>;

    /// The call has ended; with a failure, whether it shall be made again.
    #[doc(hidden)]
    fn ended(
        &self,
        request: &CallRequest<'_>,
        ticket: Self::Ticket,
        failure: Option<&Status>,
        choice: &mut Choice,
    ) -> Again;

    /// A stream or a channel is open: what keeps its ticket until it has ended, where anything need be kept.
    #[doc(hidden)]
    fn keep(&self, request: &CallRequest<'_>, ticket: Self::Ticket) -> Option<Box<dyn Kept>>;

    /// What stands around its calls.
    #[doc(hidden)]
    fn middleware(&self) -> Option<&Layers> {
        None
    }

    /// The same caller with middleware around its calls, inside what it has already; see
    /// [`rpc::middleware`](super::middleware).
    ///
    /// ```
    /// use asyncapy::prelude::*;
    /// use asyncapy::rpc::Caller;
    /// use asyncapy::rpc::middleware::{Next, OutgoingCall, from_fn};
    ///
    /// #[rpc]
    /// async fn whose(metadata: asyncapy::rpc::Metadata) -> Option<String> {
    ///     metadata.text("tenant").map(str::to_owned)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> asyncapy::Result<()> {
    /// let server = Server::builder().register(whose).build()?.start_in_memory().await?;
    /// let peer = server.handle().peer()?;
    /// let peer = peer.with(from_fn(async |mut call: OutgoingCall, next: Next<OutgoingCall>| {
    ///     call.metadata_mut().insert("tenant", "ada & sons");
    ///     next.run(call).await
    /// }));
    /// assert_eq!(whose::call(&peer).await?.as_deref(), Some("ada & sons"));
    /// # Ok(())
    /// # }
    /// ```
    fn with(self, middleware: impl Middleware<OutgoingCall>) -> With<Self>
    where
        Self: Sized,
    {
        With::new(self, middleware)
    }
}

/// What is known of a call before it is made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallRequest<'a> {
    /// The function's full name.
    pub target: &'a str,
    /// Whether it may be run twice without harm.
    pub idempotent: bool,
    /// Until when it may take, once a first connection was chosen; it is the same for all attempts.
    pub deadline: Option<Instant>,
    /// What was said of it besides.
    pub options: &'a CallOptions,
}

/// What can be said of a call besides its arguments.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long it may take; the caller's default if nothing is said.
    pub timeout: Option<Duration>,
    /// Until when it may take.
    pub deadline: Option<Instant>,
    /// What goes along with it.
    pub metadata: Option<Box<Metadata>>,
    /// The server that it must go to, as the client knows it.
    pub server: Option<Box<str>>,
    /// Whether it may be run twice without harm, where that differs from what is known of the function.
    pub idempotent: Option<bool>,
}

/// What a [`Caller`] remembers of one call from one attempt to the next.
#[derive(Default)]
pub struct Choice {
    /// How often it was tried.
    pub attempts: u32,
    /// Whatever else the caller needs.
    pub state: Option<Box<dyn std::any::Any + Send>>,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

/// Whether a call that has failed is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It is not.
    No,
    /// It is, as soon as there is a connection.
    Yes,
}

/// What a [`Caller`] keeps of a stream or a channel that is open. Dropped before the end, it was given up.
pub trait Kept: Send {
    /// The first item has come.
    fn answered(&mut self);

    /// It has ended, well or with a failure; nothing follows.
    fn ended(&mut self, failure: Option<&Status>);
}

/// Whoever is shared calls as it would by itself: a client of a service can borrow its caller, or have a share in it.
macro_rules! shared {
    ($($shared:ty),*) => {$(
        impl<C: Caller> Caller for $shared {
            type Ticket = C::Ticket;

            fn poll_choose(
                &self,
                context: &mut Context<'_>,
                request: &CallRequest<'_>,
                choice: &mut Choice,
            ) -> Poll<Result<(Peer, C::Ticket), Status>> {
                (**self).poll_choose(context, request, choice)
            }

            fn ended(
                &self,
                request: &CallRequest<'_>,
                ticket: C::Ticket,
                failure: Option<&Status>,
                choice: &mut Choice,
            ) -> Again {
                (**self).ended(request, ticket, failure, choice)
            }

            fn keep(&self, request: &CallRequest<'_>, ticket: C::Ticket) -> Option<Box<dyn Kept>> {
                (**self).keep(request, ticket)
            }

            fn middleware(&self) -> Option<&Layers> {
                (**self).middleware()
            }
        }
    )*};
}

shared!(&C, Arc<C>);

/// One connection has no choice.
impl Caller for Peer {
    type Ticket = ();

    fn poll_choose(
        &self,
        _: &mut Context<'_>,
        _: &CallRequest<'_>,
        _: &mut Choice,
    ) -> Poll<Result<(Peer, ()), Status>> {
        Poll::Ready(Ok((self.clone(), ())))
    }

    fn ended(&self, _: &CallRequest<'_>, (): (), _: Option<&Status>, _: &mut Choice) -> Again {
        Again::No
    }

    fn keep(&self, _: &CallRequest<'_>, (): ()) -> Option<Box<dyn Kept>> {
        None
    }
}
