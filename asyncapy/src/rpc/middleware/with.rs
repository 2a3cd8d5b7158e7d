use std::fmt;
use std::task::{Context, Poll};

use serde::Serialize;

use super::{Middleware, OutgoingCall};
use crate::handler::middleware::{Chain, layer};
use crate::rpc::args::Written;
use crate::rpc::call::{Call, OpenChannel, OpenItems};
use crate::rpc::{Again, CallRequest, Caller, Choice, Kept, Peer, Status};
use crate::wire::Encoding;

/// A caller with middleware around its calls: [`Caller::with`] makes it.
#[derive(Clone)]
pub struct With<C> {
    caller: C,
    layers: Layers,
}

/// What stands around a caller's calls.
#[doc(hidden)]
#[derive(Clone)]
pub struct Layers(pub(in crate::rpc) Chain<OutgoingCall>);

impl<C: Caller> With<C> {
    pub(crate) fn new(caller: C, middleware: impl Middleware<OutgoingCall>) -> Self {
        let outside = caller.middleware().into_iter().flat_map(|layers| layers.0.iter().cloned());
        let layers = Layers(outside.chain([layer(middleware)]).collect());
        Self { caller, layers }
    }

    /// What the calls are made with.
    pub fn caller(&self) -> &C {
        &self.caller
    }

    /// Calls a function by name. Arguments are a map or a struct (by name), a tuple or a list (by position), or `()`.
    pub fn call<'a, R>(&'a self, target: &'a str, arguments: impl Serialize) -> Call<'a, Self, Written, R> {
        Call::new(self, target, false, Written::new(&arguments, Encoding::ZiProto))
    }

    /// Opens a server stream by name.
    pub fn stream<'a, T>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenItems<'a, Self, Written, T> {
        OpenItems::new(self, target, false, Written::new(&arguments, Encoding::ZiProto))
    }

    /// Opens a client stream or a duplex one by name: `In` come back, `Out` go there.
    pub fn channel<'a, In, Out>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenChannel<'a, Self, Written, In, Out> {
        OpenChannel::new(self, target, false, Written::new(&arguments, Encoding::ZiProto))
    }
}

impl<C: Caller> Caller for With<C> {
    type Ticket = C::Ticket;

    fn poll_choose(
        &self,
        context: &mut Context<'_>,
        request: &CallRequest<'_>,
        choice: &mut Choice,
    ) -> Poll<Result<(Peer, Self::Ticket), Status>> {
        self.caller.poll_choose(context, request, choice)
    }

    fn ended(
        &self,
        request: &CallRequest<'_>,
        ticket: Self::Ticket,
        failure: Option<&Status>,
        choice: &mut Choice,
    ) -> Again {
        self.caller.ended(request, ticket, failure, choice)
    }

    fn keep(&self, request: &CallRequest<'_>, ticket: Self::Ticket) -> Option<Box<dyn Kept>> {
        self.caller.keep(request, ticket)
    }

    fn middleware(&self) -> Option<&Layers> {
        Some(&self.layers)
    }
}

impl<C: fmt::Debug> fmt::Debug for With<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layers").field(&self.0.len()).finish()
    }
}
