use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::shared::{Shared, TIMEOUT};
use super::transport::{Transport, dial};
use super::{Client, blocking};
use crate::error::{Error, Result};
#[cfg(feature = "tls")]
use crate::security::TlsClient;
use crate::wire::{ByteOrder, Encoding, Framing, HeaderSize, PayloadLimits};

/// Longer than anybody waits, and short enough to be added to any moment.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What a [`Client`] is told before it connects. The defaults are those of AsyncAPY's client, but for TLS, which needs
/// to be told whom to trust.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::client::Client;
/// use asyncapy::wire::ByteOrder;
/// use asyncapy::{Encoding, Packet, Server, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder()
///     .header_size(2)
///     .byte_order(ByteOrder::Little)
///     .register_fn(|packet: Packet| async move { packet })
///     .build()?
///     .start_in_memory()
///     .await?;
///
/// let client = Client::builder()
///     .encoding(Encoding::ZiProto)
///     .header_size(2)
///     .byte_order(ByteOrder::Little)
///     .timeout(Duration::from_secs(5))
///     .over(server.handle().connect()?)?;
/// assert_eq!(client.request(json!({"n": 1})).await?["n"], 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    encoding: Encoding,
    header_size: HeaderSize,
    byte_order: ByteOrder,
    timeout: Duration,
    connect_timeout: Duration,
    max_packet_size: u32,
    limits: PayloadLimits,
    #[cfg(feature = "tls")]
    tls: Option<TlsClient>,
    /// A setting that is none, told when it connects.
    mistake: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        let framing = Framing::default();
        Self {
            encoding: Encoding::Json,
            header_size: framing.header_size(),
            byte_order: framing.byte_order(),
            timeout: TIMEOUT,
            connect_timeout: Duration::from_secs(10),
            max_packet_size: framing.max_packet_size(),
            limits: PayloadLimits::default(),
            #[cfg(feature = "tls")]
            tls: None,
            mistake: None,
        }
    }
}

impl Builder {
    /// The encoding of what is sent, JSON by default. Packets that come say which they have.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The size of the Content-Length header in bytes: 1, 2, 4 (the default) or 8; the server's must be the same.
    pub fn header_size(mut self, bytes: usize) -> Self {
        match HeaderSize::try_from(bytes) {
            Ok(size) => self.header_size = size,
            Err(error) => self.mistake = Some(format!("header_size: {error}")),
        }
        self
    }

    /// The byte order of the Content-Length header, big by default; the server's must be the same.
    pub fn byte_order(mut self, order: ByteOrder) -> Self {
        self.byte_order = order;
        self
    }

    /// How long any call waits: for a reply, for a packet, for room to send, for the end. 60 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(FOR_EVER);
        self
    }

    /// How long connecting may take in all: finding the name, trying its addresses in turn, the TLS handshake. 10 s by
    /// default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(FOR_EVER);
        self
    }

    /// The greatest Content-Length that is accepted from the server, in bytes; 1 MiB by default. More than that ends
    /// the connection.
    pub fn max_packet_size(mut self, bytes: u32) -> Self {
        self.max_packet_size = bytes;
        self
    }

    /// How deep a packet may nest and how much it may hold before it is refused: 64 levels and 65,536 values by
    /// default.
    pub fn payload_limits(mut self, limits: PayloadLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Speaks TLS, whether the place says `tls://` or not; the server's certificate must name the host.
    ///
    /// ```no_run
    /// use asyncapy::client::Client;
    /// use asyncapy::security::TlsClient;
    ///
    /// # async fn example() -> asyncapy::Result<()> {
    /// let tls = TlsClient::builder("authority.pem").build()?;
    /// let client = Client::builder().tls(tls).connect("tls://localhost:1500").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connects to `host:port`, `tcp://host:port`, `tls://host:port` or `unix:///path`.
    ///
    /// # Errors
    /// [`Error::Config`] if the place or a setting is none, [`Error::Io`] if nobody listens there,
    /// [`Error::Security`] if the server is not trusted, [`Error::TimedOut`] after the
    /// [`connect_timeout`](Self::connect_timeout).
    pub async fn connect(self, endpoint: impl AsRef<str>) -> Result<Client> {
        let endpoint = endpoint.as_ref().parse()?;
        self.check()?;
        let dialled = dial(
            &endpoint,
            #[cfg(feature = "tls")]
            self.tls.as_ref().map(|tls| (tls, None)),
            self.connect_timeout,
        );
        self.start(dialled.await?.into_transport())
    }

    /// Connects for code without a runtime: see [`blocking::Client`].
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    ///
    /// # Panics
    /// Inside an async function: it would block the runtime.
    pub fn connect_blocking(self, endpoint: impl AsRef<str>) -> Result<blocking::Client> {
        blocking::Client::connect_with(self, endpoint.as_ref())
    }

    /// A client over a stream that is connected already: one in memory, or one that the program has set up by itself.
    /// TLS is then the stream's own affair.
    ///
    /// # Errors
    /// [`Error::Config`] if a setting is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn over(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Client> {
        self.start(Box::new(stream))
    }

    /// Speaks as a server of this framing expects it.
    pub(crate) fn framing(mut self, framing: Framing) -> Self {
        self.header_size = framing.header_size();
        self.byte_order = framing.byte_order();
        self
    }

    fn check(&self) -> Result<()> {
        self.mistake.clone().map_or(Ok(()), |mistake| Err(Error::Config(mistake)))
    }

    fn start(&self, stream: Box<dyn Transport>) -> Result<Client> {
        self.check()?;
        let framing = Framing::new(self.header_size, self.byte_order, self.max_packet_size);
        Ok(Client::start(Shared::new(stream, framing, self.encoding, self.timeout, self.limits)))
    }
}
