use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::peer_settings::PeerSettings;
use super::{Peer, Service};
use crate::error::Result;
use crate::mux::{Io, Processor};
#[cfg(feature = "sealed")]
use crate::security::SealKey;
use crate::wire::{ByteOrder, Encoding, HeaderSize};

/// What a connection is told before it is made of a stream: TCP, TLS, a UNIX socket, a pair of pipes.
///
/// For several servers, or one that may go and come back, there is a client that does all this and more.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::Peer;
///
/// #[rpc]
/// async fn nickname(State(name): State<&'static str>) -> String {
///     name.to_owned()
/// }
///
/// /// Asks its caller back.
/// #[rpc]
/// async fn greet(caller: Peer) -> Result<String> {
///     Ok(format!("hello {}", nickname::call(&caller).await?))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().listen("127.0.0.1:0").register(greet).build()?.start().await?;
/// let stream = tokio::net::TcpStream::connect(server.local_addr().expect("an address")).await?;
///
/// let peer = Peer::builder().register(nickname).state("ada").over(stream)?;
/// assert_eq!(greet::call(&peer).await?, "hello ada");
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it has a stream"]
pub struct PeerBuilder {
    settings: PeerSettings,
}

impl PeerBuilder {
    pub(super) fn new() -> Self {
        Self { settings: PeerSettings::default() }
    }

    /// The encoding of arguments; ZiProto by default. Results come in the same.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.settings.encoding = encoding;
        self
    }

    /// How long a call may take if nothing else is said; 60 s by default. `ERR_DEADLINE_EXCEEDED`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The size of the Content-Length header in bytes, as the server has it: 1, 2, 4 (the default) or 8.
    pub fn header_size(mut self, bytes: usize) -> Self {
        match HeaderSize::try_from(bytes) {
            Ok(size) => self.settings.header_size = size,
            Err(error) => self.settings.mistakes.push(error.to_string()),
        }
        self
    }

    /// The byte order of the Content-Length header, as the server has it; big by default.
    pub fn byte_order(mut self, byte_order: ByteOrder) -> Self {
        self.settings.byte_order = byte_order;
        self
    }

    /// The longest frame that is taken, in bytes; 1 MiB by default. `ERR_PACKET_TOO_LARGE`, then the connection closes.
    pub fn max_packet_size(mut self, bytes: u32) -> Self {
        self.settings.max_packet_size = bytes;
        self
    }

    /// How many streams the server may have open at once; 1,024 by default. `ERR_TOO_MANY_STREAMS`.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.settings.bounds.streams = streams;
        self
    }

    /// How many of the server's calls may run at once; 128 by default. The others wait for 100 ms: `ERR_OVERLOADED`.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.settings.bounds.calls = calls;
        self
    }

    /// How long a function that the server calls may run; 30 s by default. `ERR_HANDLER_TIMED_OUT`. It is also how long what
    /// the server has begun may go on, streams too, when the last [`Peer`] was dropped.
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.settings.bounds.handler_timeout = timeout;
        self
    }

    /// After how much silence the server is asked whether it is there; 20 s by default.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.settings.bounds.ping_interval = interval;
        self
    }

    /// How long the agreement on how to [seal](Self::sealed) may take; 5 s by default. All calls wait for it:
    /// `ERR_UNAVAILABLE`.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.bounds.handshake_timeout = timeout;
        self
    }

    /// The API key that shows who we are, to a server that [asks for one](crate::server::Builder::credentials). It goes as it
    /// is: use TLS.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings.api_key = Some(key.into());
        self
    }

    /// Who we say that we are. Where API keys or certificates show it, they must say the same: `ERR_UNAUTHORIZED`.
    pub fn identity(mut self, name: impl Into<String>) -> Self {
        self.settings.identity = Some(name.into());
        self
    }

    /// Something that the server's functions can read in each call of this connection, by
    /// [`HelloMetadata`](super::HelloMetadata).
    pub fn metadata(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.settings.metadata.insert(name.into(), text.into());
        self
    }

    /// Seals all payloads under this key, and takes no others: see the [guide](crate::guide::processors). Calls wait
    /// until the server has agreed; one that does not is refused, `ERR_SEAL_REQUIRED`.
    #[cfg(feature = "sealed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealed")))]
    pub fn sealed(mut self, key: SealKey) -> Self {
        self.settings.seal_with(key);
        self
    }

    /// Compresses payloads of 512 bytes and more if the server can read them, and reads its own. The level is zstd's, from 1
    /// (fast) to 19 (small).
    #[cfg(feature = "zstd")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    pub fn compress(mut self, level: i32) -> Self {
        self.settings.compress(level);
        self
    }

    /// Changes all payloads on their way out and in; several in their order. The server needs the same ones: see
    /// [`Processor`].
    pub fn processor(mut self, processor: impl Processor) -> Self {
        self.settings.add_processor(processor);
        self
    }

    /// Serves an annotated function: the server can call it on this connection.
    pub fn register<F: 'static>(mut self, _function: F) -> Self {
        self.settings.register::<F>();
        self
    }

    /// Serves the methods of a service.
    pub fn service(mut self, service: impl Service) -> Self {
        Arc::new(service).methods().into_iter().for_each(|method| self.settings.functions.method(method));
        self
    }

    /// A value for the [`State<T>`](crate::State) arguments of what is served here; one a type.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.settings.insert_state(value);
        self
    }

    /// Makes a connection of a stream that is connected already. It closes with the last clone of what this gives.
    ///
    /// # Errors
    /// [`Error::Build`](crate::Error::Build) with every mistake: functions whose names are taken, states that are missing,
    /// settings that are none, more to say at first than the 16 KiB that a server takes.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn over(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Peer> {
        Ok(self.settings.dial()?.over_any(Io::of(stream)))
    }
}

impl fmt::Debug for PeerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeerBuilder").field(&self.settings).finish()
    }
}
