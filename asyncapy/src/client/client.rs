use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Builder;
use super::driver::Driver;
use super::received::Received;
use super::replies::Ticket;
use super::shared::Shared;
use crate::error::Result;
use crate::packet::{EncodePacket, Packet, TypedPacket};
use crate::wire::Encoding;

/// A connection to an AsyncAProto server. Cheap to clone; all clones share the connection, and many tasks may use it at
/// once.
///
/// There are two ways to talk:
/// - [`request`](Self::request) sends a packet and waits for its reply. Requests of many tasks are under way at the
///   same time; as V2 has no numbers on packets and a session's packets are handled in order (protocol V2, rule 5),
///   each gets its own reply by its turn. It is for packets that are answered once.
/// - [`send`](Self::send) and [`receive`](Self::receive) are for the rest: packets that are answered not at all or
///   several times, and what a server sends unasked. `receive` gives what comes while no request waits.
///
/// Mixing both on one connection is sound as long as packets sent by `send` are not answered while a request waits: that
/// answer would be taken for the request's.
///
/// Every wait ends by the [`timeout`](Builder::timeout), 60 s by default, with
/// [`Error::TimedOut`](crate::Error::TimedOut). Once the connection is gone every call says so:
/// [`Error::Closed`](crate::Error::Closed), the system's error, or what the server has refused where it said that last.
/// The connection closes when the last clone is dropped; what was sent is written before.
///
/// ```
/// use asyncapy::client::Client;
/// use asyncapy::{Packet, Server, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .register_fn(|packet: Packet| async move { packet })
///     .build()?
///     .start()
///     .await?;
///
/// let client = Client::connect(server.handle().endpoints()[0].to_string()).await?;
/// let reply = client.request(json!({"foo": "bar"})).await?;
/// assert_eq!(reply["foo"], "bar");
/// client.disconnect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    connection: Arc<Connection>,
}

/// What the clones of a client share; the last one closes the connection.
struct Connection(Arc<Shared>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Client {
    /// Connects with the defaults: JSON, a big-endian header of 4 bytes, 60 s.
    ///
    /// The place is `host:port`, `tcp://host:port` or `unix:///path`; `tls://host:port` needs to know whom to trust:
    /// [`Builder::tls`].
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if `endpoint` is none, [`Error::Io`](crate::Error::Io) if nobody listens
    /// there, [`Error::TimedOut`](crate::Error::TimedOut) after 10 s.
    pub async fn connect(endpoint: impl AsRef<str>) -> Result<Self> {
        Self::builder().connect(endpoint).await
    }

    /// Sets encoding, header, timeouts, TLS and limits before it connects.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client over a stream that is connected already, with the defaults; [`Builder::over`] takes others.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self::start(Shared::with_defaults(Box::new(stream)))
    }

    /// Begins to drive the connection.
    pub(super) fn start(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        tokio::spawn(Driver::new(shared.clone()).run());
        Self { connection: Arc::new(Connection(shared)) }
    }

    fn shared(&self) -> &Shared {
        &self.connection.0
    }

    /// Sends a packet and waits for no reply; what the server answers is for [`receive`](Self::receive).
    ///
    /// It waits only while more than 1 MiB is queued. Dropped before it is ready, it has sent nothing.
    ///
    /// # Errors
    /// [`Error::Payload`](crate::Error::Payload) or [`Error::TooLarge`](crate::Error::TooLarge) if the packet cannot be
    /// written; [`Error::TimedOut`](crate::Error::TimedOut) if the server does not read; those of a connection that is
    /// gone.
    pub async fn send(&self, packet: impl EncodePacket) -> Result<()> {
        self.shared().send(&packet, false).await?;
        Ok(())
    }

    /// Sends a packet and waits for its reply.
    ///
    /// Dropped before it is ready, the request is given up; its reply is dropped when it comes, so that every other
    /// request still gets its own.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) if the reply is an error packet (protocol V2, rule 3);
    /// [`Error::Protocol`](crate::Error::Protocol) if it does not decode; [`Error::TimedOut`](crate::Error::TimedOut);
    /// [`Error::Overloaded`](crate::Error::Overloaded) if 65,536 replies are owed already; those of
    /// [`send`](Self::send).
    pub async fn request(&self, packet: impl EncodePacket) -> Result<Packet> {
        self.exchange(packet).await?.into_reply(&self.shared().limits)
    }

    /// Sends a packet and waits for its reply, which is read as a typed packet.
    ///
    /// ```
    /// use asyncapy::Server;
    /// use asyncapy::prelude::*;
    ///
    /// #[derive(Packet)]
    /// struct Login { user: String }
    /// #[derive(Packet)]
    /// struct Welcome { text: String }
    ///
    /// #[handler]
    /// async fn login(Typed(login): Typed<Login>) -> Welcome {
    ///     Welcome { text: format!("Hello {}", login.user) }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> asyncapy::Result<()> {
    /// let client = Server::builder().register(login).build()?.test_client().await?;
    /// let welcome: Welcome = client.request_typed(Login { user: "ann".into() }).await?;
    /// assert_eq!(welcome.text, "Hello ann");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`request`](Self::request), and [`Error::Payload`](crate::Error::Payload) if the reply is not of that
    /// type.
    pub async fn request_typed<T: TypedPacket>(&self, packet: impl EncodePacket) -> Result<T> {
        self.exchange(packet).await?.decode_reply(&self.shared().limits)
    }

    async fn exchange(&self, packet: impl EncodePacket) -> Result<Received> {
        let shared = self.shared();
        let Some(ticket) = shared.send(&packet, true).await? else { return Err(crate::Error::Closed) };
        let mut waiting = Waiting { shared, ticket: Some(ticket) };
        poll_fn(|context| {
            let polled = shared.poll_reply(ticket, context);
            if polled.is_ready() {
                waiting.ticket = None;
            }
            polled
        })
        .await
    }

    /// The next packet for which no request waits, an error packet like any other.
    ///
    /// Up to 1,024 packets or 1 MiB are kept for it; then nothing more is read until it is called or a request waits,
    /// and the server feels it.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut); [`Error::Protocol`](crate::Error::Protocol) if it does not decode;
    /// those of a connection that is gone, once all that came before has been received.
    pub async fn receive(&self) -> Result<Packet> {
        self.shared().receive().await?.into_packet(&self.shared().limits)
    }

    /// The next packet for which no request waits, read as a typed packet.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive), and [`Error::Payload`](crate::Error::Payload) if it is not of that type; the
    /// packet is then gone.
    pub async fn receive_typed<T: TypedPacket>(&self) -> Result<T> {
        self.shared().receive().await?.decode(&self.shared().limits)
    }

    /// The next packet for which no request waits, as it came: the whole frame with its header, the payload unchecked.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut); those of a connection that is gone.
    pub async fn receive_raw(&self) -> Result<Bytes> {
        Ok(self.shared().receive().await?.frame)
    }

    /// Waits until everything that was sent is on its way.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut) if the server does not read; those of a connection that is gone.
    pub async fn flush(&self) -> Result<()> {
        self.shared().flush().await
    }

    /// Writes what was sent and closes the connection, for all clones. Requests that wait get
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut) if the server takes no more; the connection ends all the same.
    pub async fn disconnect(&self) -> Result<()> {
        let shared = self.shared();
        shared.close();
        let mut gone = shared.gone.subscribe();
        match tokio::time::timeout(shared.timeout, gone.wait_for(|gone| *gone)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(crate::Error::TimedOut),
        }
    }

    /// Whether the connection is gone, or told to go. As with every socket, "no" may be outdated when it is read.
    pub fn is_closed(&self) -> bool {
        self.shared().link().is_closed()
    }

    /// The encoding of what is sent; packets that come may have any.
    pub fn encoding(&self) -> Encoding {
        self.shared().encoding
    }
}

/// A request whose reply has not been taken yet.
struct Waiting<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.give_up(ticket);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("encoding", &self.encoding())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
