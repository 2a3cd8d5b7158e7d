use std::fmt;
use std::sync::Arc;

use super::{Passing, Sealed};
use crate::error::{Error, Rejection};
use crate::handler::extensions::Extensions;
use crate::handler::{Client, Flow, Session};
use crate::packet::{EncodePacket, Packet};
use crate::wire::Encoding;

/// A packet on its way to a handler: the filters have passed, the handler is chosen. A packet that several groups handle
/// comes by once for each.
pub struct IncomingPacket {
    packet: Packet,
    client: Client,
    handler: Arc<str>,
    pub(super) extensions: Arc<Extensions>,
    #[cfg(feature = "tower")]
    next: Option<super::Next<Self>>,
}

/// What comes of a packet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PacketReply {
    /// The packets that go back, in order; most handlers give one or none. What a handler sends by
    /// [`Client::send`] is not among them: it goes before them.
    pub packets: Vec<Packet>,
    /// Whether further groups see the packet.
    pub flow: Flow,
}

impl IncomingPacket {
    pub(super) fn new(packet: Packet, client: Client, handler: Arc<str>) -> Self {
        Self {
            packet,
            client,
            handler,
            extensions: Arc::default(),
            #[cfg(feature = "tower")]
            next: None,
        }
    }

    /// The packet.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Puts another packet in its place, for this handler; the filters are not asked again. Returns the former one.
    pub fn replace(&mut self, packet: Packet) -> Packet {
        std::mem::replace(&mut self.packet, packet)
    }

    /// The name of the handler.
    pub fn handler(&self) -> &str {
        &self.handler
    }

    /// The client that has sent it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client's session.
    pub fn session(&self) -> Session {
        self.client.session()
    }

    /// Puts a value into the request, for the handler's [`Extension<T>`](super::Extension) arguments and for middleware
    /// further in; the former one of its type comes back.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        self.extensions.insert(value)
    }

    /// A value that was put into the request.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.extensions.get()
    }
}

impl PacketReply {
    /// No reply; the next group sees the packet.
    pub const fn none() -> Self {
        Self { packets: Vec::new(), flow: Flow::Continue }
    }

    /// One packet; the next group sees the packet that it answers.
    ///
    /// # Errors
    /// The value is no map, or cannot be written.
    pub fn new(packet: impl EncodePacket) -> Result<Self, Error> {
        let mut payload = bytes::BytesMut::new();
        packet.encode_packet(Encoding::ZiProto, &mut payload)?;
        let packet = Packet::checked(payload.freeze(), Encoding::ZiProto);
        Ok(Self { packets: vec![packet], flow: Flow::Continue })
    }

    /// The same with these packets in the place of its own.
    #[must_use]
    pub fn with_packets(self, packets: Vec<Packet>) -> Self {
        Self { packets, ..self }
    }

    /// The same, and this becomes of the packet that it answers.
    #[must_use]
    pub fn with_flow(self, flow: Flow) -> Self {
        Self { flow, ..self }
    }
}

impl Sealed for IncomingPacket {}

impl Passing for IncomingPacket {
    type Reply = PacketReply;
    type Failure = Rejection;

    fn name(&self) -> &str {
        &self.handler
    }

    fn client(&self) -> Option<&Client> {
        Some(&self.client)
    }

    #[cfg(feature = "tower")]
    fn next(&mut self) -> &mut Option<super::Next<Self>> {
        &mut self.next
    }
}

impl fmt::Debug for IncomingPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingPacket")
            .field("handler", &self.handler)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
