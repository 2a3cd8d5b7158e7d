use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::dial::Dialler;
use super::discover::Source;
use super::follow::follow;
use super::settings::{Settings, bounded};
use super::shared::Shared;
use super::{Backoff, Balance, Breaker, Discover, Fixed, Retry, RpcClient, ServerAddress};
use crate::error::{Error, Result};
use crate::mux::Processor;
use crate::rpc::Service;
use crate::rpc::peer_settings::PeerSettings;
#[cfg(feature = "sealed")]
use crate::security::SealKey;
#[cfg(feature = "tls")]
use crate::security::TlsClient;
use crate::wire::{ByteOrder, Encoding, HeaderSize};

/// What an [`RpcClient`] is told before it connects.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::client::{Balance, RpcClient, ServerFile};
///
/// # async fn example() -> asyncapy::Result<()> {
/// let client = RpcClient::builder()
///     .discover(ServerFile::new("servers.txt"))
///     .balance(Balance::LeastLoaded)
///     .min_connections(2)
///     .timeout(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until it connects"]
pub struct RpcClientBuilder {
    settings: Settings,
    servers: Vec<ServerAddress>,
    source: Option<Source>,
    /// What each connection is told.
    peer: PeerSettings,
    #[cfg(feature = "tls")]
    tls: Option<TlsClient>,
    /// The first setting that is none, told when it connects.
    mistake: Option<Error>,
}

impl RpcClientBuilder {
    /// Adds a server: `host:port`, `tls://host:port` or `unix:///path`, and after a space its weight where that is not 1.
    pub fn server(mut self, server: impl AsRef<str>) -> Self {
        match server.as_ref().parse() {
            Ok(server) => self.servers.push(server),
            Err(error) => self.object(error),
        }
        self
    }

    /// Adds servers, each written as for [`server`](Self::server).
    pub fn servers(self, servers: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        servers.into_iter().fold(self, Self::server)
    }

    /// Takes the servers from a source that may change; no others can be given then.
    pub fn discover(mut self, source: impl Discover) -> Self {
        if self.source.replace(Source::new(source)).is_some() {
            self.object(Error::Config("discover: there can be one source only".to_owned()));
        }
        self
    }

    /// How calls are spread over the servers, [in turn](Balance::RoundRobin) by default.
    pub fn balance(mut self, balance: Balance) -> Self {
        self.settings.balance = balance;
        self
    }

    /// How many connections are kept to each server, 1 by default.
    pub fn min_connections(mut self, connections: usize) -> Self {
        self.settings.min_connections = connections;
        self.settings.max_connections = self.settings.max_connections.max(connections);
        self
    }

    /// How many connections there may be to each server, 4 by default: more are made while those that are there are
    /// [busy](Self::busy_at), and closed when they have not been used for [a while](Self::idle_timeout).
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = connections;
        self.settings.min_connections = self.settings.min_connections.min(connections);
        self
    }

    /// With so many calls under way a connection is busy, 64 by default.
    pub fn busy_at(mut self, calls: u32) -> Self {
        self.settings.busy_at = calls;
        self
    }

    /// How long a connection beyond [`min_connections`](Self::min_connections) may be idle, 60 s by default.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.settings.idle_timeout = bounded(time);
        self
    }

    /// How many [sessions](RpcClient::session) there may be at once, 64 by default. One more: `ERR_OVERLOADED`.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.settings.max_sessions = sessions;
        self
    }

    /// How long it is waited before a server is tried again: see [`Backoff`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// When a server is left alone for a while: see [`Breaker`].
    pub fn server_breaker(mut self, breaker: Breaker) -> Self {
        self.settings.breakers.server = breaker;
        self
    }

    /// When one function of a server is left alone for a while: see [`Breaker`]. By default after 5 failures in a row, which
    /// is before its server.
    pub fn function_breaker(mut self, breaker: Breaker) -> Self {
        self.settings.breakers.function = breaker;
        self
    }

    /// When a call is made again: see [`Retry`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// After so long a silence a server is asked whether it is there; if it does not answer twice, each time in as long, the
    /// connection is lost, and calls that may be made again are made elsewhere. By default it is a quarter of
    /// [`timeout`](Self::timeout), from 500 ms to 20 s, so that they still have time for that.
    pub fn keepalive(mut self, interval: Duration) -> Self {
        self.settings.keepalive = Some(bounded(interval));
        self
    }

    /// How long a call may take in all if nothing else is said, 60 s by default: `ERR_DEADLINE_EXCEEDED`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = bounded(timeout);
        self
    }

    /// How long connecting to a server may take, with the name, TLS and the first greeting; 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = bounded(timeout);
        self
    }

    /// How long a call waits while no server can be reached at all, 2 s by default: `ERR_UNAVAILABLE`. Nothing makes calls
    /// fail at once.
    pub fn wait(mut self, time: Duration) -> Self {
        self.settings.wait = bounded(time);
        self
    }

    /// How many calls may wait for a server at once, 1,024 by default. One more: `ERR_OVERLOADED`.
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.settings.max_waiting = calls;
        self
    }

    /// The encoding of arguments and results, [`ZiProto`](Encoding::ZiProto) by default.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.settings.encoding = encoding;
        self
    }

    /// The size of the Content-Length header in bytes: 1, 2, 4 (the default) or 8; the servers' must be the same.
    pub fn header_size(mut self, bytes: usize) -> Self {
        match HeaderSize::try_from(bytes) {
            Ok(size) => self.settings.header_size = size,
            Err(error) => self.object(Error::Config(format!("header_size: {error}"))),
        }
        self
    }

    /// The byte order of the Content-Length header, big by default; the servers' must be the same.
    pub fn byte_order(mut self, order: ByteOrder) -> Self {
        self.settings.byte_order = order;
        self
    }

    /// The longest frame that is accepted from a server, in bytes; 1 MiB by default.
    pub fn max_packet_size(mut self, bytes: u32) -> Self {
        self.settings.max_packet_size = bytes;
        self
    }

    /// Shows this API key to each server.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.peer.api_key = Some(key.into());
        self
    }

    /// Who we say that we are. Where API keys or certificates show it, they must say the same: `ERR_UNAUTHORIZED`.
    pub fn identity(mut self, name: impl Into<String>) -> Self {
        self.peer.identity = Some(name.into());
        self
    }

    /// Something that the servers' functions can read in each call, by [`HelloMetadata`](crate::rpc::HelloMetadata).
    pub fn metadata(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.peer.metadata.insert(name.into(), text.into());
        self
    }

    /// Seals all payloads under this key, and takes no others: see the [guide](crate::guide::processors). A server that does
    /// not agree counts as one that cannot be reached.
    #[cfg(feature = "sealed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealed")))]
    pub fn sealed(mut self, key: SealKey) -> Self {
        self.peer.seal_with(key);
        self
    }

    /// Compresses payloads of 512 bytes and more for servers that can read them, and reads theirs. The level is zstd's, from
    /// 1 (fast) to 19 (small).
    #[cfg(feature = "zstd")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    pub fn compress(mut self, level: i32) -> Self {
        self.peer.compress(level);
        self
    }

    /// Changes all payloads on their way out and in; several in their order. The servers need the same ones: see
    /// [`Processor`].
    pub fn processor(mut self, processor: impl Processor) -> Self {
        self.peer.add_processor(processor);
        self
    }

    /// Speaks TLS with each server; its certificate must name the host.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Serves one annotated function to the servers: they call it on the connection by which they were called.
    ///
    /// ```
    /// use asyncapy::client::RpcClient;
    /// use asyncapy::prelude::*;
    /// use asyncapy::rpc::Peer;
    ///
    /// #[rpc]
    /// async fn nickname(State(name): State<&'static str>) -> String {
    ///     name.to_owned()
    /// }
    ///
    /// #[rpc]
    /// async fn greet(caller: Peer) -> Result<String> {
    ///     Ok(format!("hello {}", nickname::call(&caller).await?))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> asyncapy::Result<()> {
    /// # let server = Server::builder().listen("127.0.0.1:0").register(greet).build()?.start().await?;
    /// # let place = server.handle().endpoints()[0].to_string();
    /// let client = RpcClient::builder().server(place).register(nickname).state("ann").connect().await?;
    /// assert_eq!(greet::call(&client).await?, "hello ann");
    /// # Ok(())
    /// # }
    /// ```
    pub fn register<F: 'static>(mut self, _function: F) -> Self {
        self.peer.register::<F>();
        self
    }

    /// Serves the methods of a service to the servers.
    pub fn service(mut self, service: impl Service) -> Self {
        Arc::new(service).methods().into_iter().for_each(|method| self.peer.functions.method(method));
        self
    }

    /// A value that all functions which are served here share.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.peer.insert_state(value);
        self
    }

    fn object(&mut self, error: Error) {
        self.mistake.get_or_insert(error);
    }

    /// Starts to connect to all servers, and waits until one is reached.
    ///
    /// # Errors
    /// Those of [`start`](Self::start); [`Error::Refused`] with `ERR_UNAVAILABLE` if no server can be reached within the [`connect_timeout`](Self::connect_timeout).
    pub async fn connect(self) -> Result<RpcClient> {
        let limit = self.settings.connect_timeout;
        let client = self.start().await?;
        client.reached(limit).await?;
        Ok(client)
    }

    /// Starts to connect to all servers, and waits for none: the first calls do.
    ///
    /// # Errors
    /// [`Error::Config`] if a setting is none or there is no server; [`Error::Build`] with every mistake of what is served
    /// here: functions whose names are taken, states that are missing; that of the source.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(mut self) -> Result<RpcClient> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        self.settings.check()?;
        let mut source = match (self.source.take(), self.servers.is_empty()) {
            (Some(source), true) => source,
            (Some(_), false) => {
                return Err(Error::Config(
                    "discover: servers are given by a source or one by one, not both".to_owned(),
                ));
            }
            (None, _) => Source::new(Fixed::of(std::mem::take(&mut self.servers))),
        };
        let settings = Arc::new(self.settings.clone());
        // No source need answer before the mistakes are told.
        let dialler = self.dialler(&settings)?;
        let first = timeout_at(Instant::now() + settings.connect_timeout, source.changed());
        let first = first.await.map_err(|_| Error::TimedOut)??;
        let shared = Arc::new(Shared::new(settings, dialler, Instant::now()));
        shared.apply(&first);
        shared.runtime.spawn(follow(source, shared.clone()));
        Ok(RpcClient::new(shared))
    }

    fn dialler(self, settings: &Arc<Settings>) -> Result<Dialler> {
        let mut peer = self.peer;
        peer.encoding = settings.encoding;
        peer.timeout = settings.timeout;
        peer.header_size = settings.header_size;
        peer.byte_order = settings.byte_order;
        peer.max_packet_size = settings.max_packet_size;
        peer.bounds.ping_interval = settings.keepalive();
        peer.bounds.handshake_timeout = settings.connect_timeout;
        let dial = peer.dial()?;
        Ok(Dialler {
            settings: settings.clone(),
            dial,
            #[cfg(feature = "tls")]
            tls: self.tls,
            connections: Mutex::default(),
        })
    }
}

impl fmt::Debug for RpcClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClientBuilder")
            .field("servers", &self.servers)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
