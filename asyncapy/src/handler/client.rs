#[cfg(feature = "tls")]
use crate::security::Identity;
use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;

use super::session::{Core, Phase};
use super::{Address, Session};
use crate::error::{Error, Result};
use crate::packet::EncodePacket;
use crate::wire::Encoding;

/// The client on the other side of a session, as handlers see it.
///
/// An extractor; cheap to clone; may be kept and used from any task: that is how one session's handler speaks to
/// another's client. (The client that connects to a server is [`client::Client`](crate::client::Client).)
///
/// ```
/// use asyncapy::prelude::*;
///
/// #[handler]
/// async fn echo(client: Client, packet: Packet) -> Result<()> {
///     client.send(&packet).await?;
///     client.close();
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
}

impl Client {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Sends a packet: a [`Packet`](struct@crate::Packet), a typed packet, a `json!` map.
    ///
    /// It is written after what was sent before. Above 1 MiB of unread output the call waits for the client to read.
    ///
    /// # Errors
    /// [`Error::Closed`] if the connection is closed, [`Error::Payload`] if the packet cannot be written in the
    /// session's encoding, [`Error::TooLarge`] if it is longer than the header can say.
    pub async fn send(&self, packet: impl EncodePacket) -> Result<()> {
        let encoding = self.encoding();
        if let Some(payload) = packet.written(encoding) {
            return self.core.outbox.send(|out| self.frame(out, encoding, payload)).await;
        }
        // The packet's own code runs here, where no lock is held.
        let mut payload = BytesMut::new();
        packet.encode_packet(encoding, &mut payload)?;
        self.core.outbox.send(|out| self.frame(out, encoding, &payload)).await
    }

    /// Sends a packet without waiting: for code that is not async, and for those who had rather drop than wait.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), and [`Error::Overloaded`] where 4 MiB wait to be read.
    pub fn try_send(&self, packet: impl EncodePacket) -> Result<()> {
        let encoding = self.encoding();
        let mut payload = BytesMut::new();
        packet.encode_packet(encoding, &mut payload)?;
        self.core.outbox.try_send(|out| self.frame(out, encoding, &payload))
    }

    /// Sends a packet, then closes the connection.
    ///
    /// # Errors
    /// Those of [`send`](Self::send); the connection is closed all the same.
    pub async fn send_and_close(&self, packet: impl EncodePacket) -> Result<()> {
        let sent = self.send(packet).await;
        self.close();
        sent
    }

    /// Closes the connection once what was sent has been written.
    ///
    /// A handler that runs is left to finish; the groups after it do not see the packet any more.
    pub fn close(&self) {
        self.core.advance(Phase::Closing);
    }

    /// The client's address: the peer's.
    pub fn address(&self) -> Address {
        self.core.address
    }

    /// The encoding of the replies: that of the session's first packet (protocol V2, rule 5).
    pub fn encoding(&self) -> Encoding {
        self.core.encoding()
    }

    /// The session.
    pub fn session(&self) -> Session {
        Session::new(self.core.clone())
    }

    /// All sessions of the client's address, this one among them, oldest first.
    pub fn get_sessions(&self) -> Vec<Session> {
        self.core
            .sessions
            .upgrade()
            .map_or_else(Vec::new, |sessions| sessions.of_address(self.core.address.ip()))
    }

    /// Who the client is by its TLS certificate; `None` without mutual TLS.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn identity(&self) -> Option<&Identity> {
        self.core.identity.as_deref()
    }

    /// Whether the connection still takes packets.
    pub fn is_open(&self) -> bool {
        self.core.phase() == Phase::Open
    }

    fn frame(&self, out: &mut BytesMut, encoding: Encoding, payload: &[u8]) -> Result<()> {
        if self.core.has_streams() {
            let why =
                "packets cannot be sent on a connection of streams: call the client's functions by `Peer`";
            return Err(Error::Protocol(why.to_owned()));
        }
        self.core.framing.encode(encoding, out, |out| {
            out.extend_from_slice(payload);
            Ok::<_, Error>(())
        })
    }
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.core.id == other.core.id
    }
}

impl Eq for Client {}

/// `Client(127.0.0.1)`, as AsyncAPY prints it.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.core.address)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.core.address).field("session", &self.core.id).finish()
    }
}
