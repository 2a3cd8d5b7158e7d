use std::any::Any;
use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::extensions::Extensions;
use super::state::StateMap;
use super::{Client, Session};
use crate::packet::Packet;
use crate::wire::View;

/// A packet on its way to the handlers: what filters look at and extractors take from.
pub struct Request<'a> {
    view: View<'a>,
    client: &'a Client,
    state: &'a Arc<StateMap>,
    /// The packet's number on its connection, from 1.
    number: u64,
    /// The frame where it can be shared, and where in it the payload begins; a small one is copied when somebody wants
    /// to keep it.
    shared: Option<(&'a Bytes, usize)>,
    /// Made once for all who ask for an owned packet.
    packet: OnceCell<Packet>,
    /// What the door besides packets knows of the request: a call's metadata, deadline and stream.
    call: Option<&'a dyn Any>,
    /// What middleware has put into it.
    extensions: Option<&'a Extensions>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        view: View<'a>,
        client: &'a Client,
        state: &'a Arc<StateMap>,
        number: u64,
        shared: Option<(&'a Bytes, usize)>,
    ) -> Self {
        Self { view, client, state, number, shared, packet: OnceCell::new(), call: None, extensions: None }
    }

    /// The same as a call's request.
    pub(crate) fn with_call(mut self, call: &'a dyn Any) -> Self {
        self.call = Some(call);
        self
    }

    /// The same with a packet that somebody has made of it already.
    pub(super) fn with_packet(self, packet: Packet) -> Self {
        Self { packet: OnceCell::from(packet.with_origin(self.client.core().clone(), self.number)), ..self }
    }

    /// The same with what middleware has put into it.
    pub(crate) fn with_extensions(mut self, extensions: &'a Extensions) -> Self {
        self.extensions = Some(extensions);
        self
    }

    /// What middleware has put into it, of type `T`.
    pub(crate) fn extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.extensions?.get()
    }

    /// What is known of the call, if the request is one.
    pub(crate) fn call<T: 'static>(&self) -> Option<&'a T> {
        self.call?.downcast_ref()
    }

    /// The payload's fields, in place.
    pub fn view(&self) -> View<'a> {
        self.view
    }

    /// The client that sent the packet.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// The client's session.
    pub fn session(&self) -> Session {
        self.client.session()
    }

    /// The packet, to look at or to keep.
    pub fn packet(&self) -> &Packet {
        self.packet.get_or_init(|| self.make_packet())
    }

    /// The packet, to keep: a clone would cost as much as the packet itself.
    pub(super) fn take_packet(&mut self) -> Packet {
        self.packet.take().unwrap_or_else(|| self.make_packet())
    }

    fn make_packet(&self) -> Packet {
        let payload = match self.shared {
            Some((frame, start)) => frame.slice(start..),
            None => Bytes::copy_from_slice(self.view.payload()),
        };
        Packet::checked(payload, self.view.encoding()).with_origin(self.client.core().clone(), self.number)
    }

    /// The server's states, to keep.
    pub(crate) fn states(&self) -> &'a Arc<StateMap> {
        self.state
    }

    /// The packet's number on its connection.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The server's state of type `T`, if it was given one.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&'a T> {
        self.state.get()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("client", self.client)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
