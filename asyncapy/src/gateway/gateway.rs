use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use ipnet::IpNet;

use super::door;
use super::origin::Origin;
use super::refused::Refused;
use super::serve::Listening;
use super::settings::Settings;
use crate::error::{Code, Error, Result};
use crate::mux::Io;
use crate::rpc::dial::Dial;
use crate::rpc::relay::RelayedCall;
use crate::rpc::{Peer, Status};
#[cfg(feature = "tls")]
use crate::security::TlsServer;
use crate::server::visit::Visitor;
use crate::server::{Endpoint, Handle};
use crate::wire::Encoding;
use crate::wire::v3::Hello;

/// The functions of a running server over HTTP: `POST /group/function` with their arguments as JSON, streams as events or
/// lines, channels and the protocol itself over WebSockets.
///
/// Each request is a session of its own, with the client's address: guards, limits, hooks, `private` and whatever else
/// stands around the calls see it as any other. What a session holds lasts no longer than the request, since many people may
/// share one connection of a proxy; channels and the protocol have a session for as long as they are open.
///
/// ```
/// use asyncapy::gateway::Gateway;
/// use asyncapy::prelude::*;
///
/// #[rpc(group = "math")]
/// async fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().register(sum).build()?.start_in_memory().await?;
/// let listening = Gateway::new(&server.handle()).page(true).bind("127.0.0.1:0").await?;
/// // curl -d '{"a": 1, "b": 2}' -H 'content-type: application/json' http://127.0.0.1:PORT/math/sum
/// println!("{}", listening.url()); // http://127.0.0.1:PORT/
/// let (served, _) = tokio::join!(listening.serve(), server.shutdown());
/// # served
/// # }
/// ```
///
/// In an application of one's own it is a router like any other, which must learn the clients' addresses:
///
/// ```no_run
/// # async fn run(server: asyncapy::server::Running) -> std::io::Result<()> {
/// use std::net::SocketAddr;
/// use asyncapy::gateway::Gateway;
/// use axum::Router;
///
/// let app = Router::new().nest("/api", Gateway::new(&server.handle()).into_router());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a gateway does nothing until it is served"]
pub struct Gateway {
    handle: Handle,
    settings: Settings,
}

/// What all requests of a gateway share.
pub(super) struct Inner {
    pub(super) handle: Handle,
    pub(super) settings: Settings,
    dial: Dial,
}

impl Gateway {
    /// A gateway to a running server. It ends with it.
    pub fn new(server: &Handle) -> Self {
        Self { handle: server.clone(), settings: Settings::default() }
    }

    /// Whether `GET /` shows a page that lists the functions and calls them; off by default.
    pub fn page(mut self, page: bool) -> Self {
        self.settings.page = page;
        self
    }

    /// Lets the pages of this origin call, such as `https://app.example.com`; may be called more than once. By default only
    /// pages may that come from the gateway's own address, and of those only where that is written as an address or as
    /// `localhost`: any name can be made to point here.
    ///
    /// # Errors
    /// [`Error::Config`] if it is no origin.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self> {
        self.settings.origins.push(Origin::parse(origin)?);
        Ok(self)
    }

    /// Takes the word of proxies in this network, such as `10.0.0.0/8` or `127.0.0.1`, or of whoever comes by a UNIX
    /// socket, `unix`, on whom they speak for: the header `X-Forwarded-For`. May be called more than once; by default a
    /// client's address is that of its connection.
    ///
    /// # Errors
    /// [`Error::Config`] if it is neither a network nor an address nor `unix`.
    pub fn trusted_proxy(mut self, network: &str) -> Result<Self> {
        let address = || network.parse::<std::net::IpAddr>().map(IpNet::from);
        match network.parse().or_else(|_| address()) {
            Ok(network) => self.settings.proxies.networks.push(network),
            Err(_) if network == "unix" => self.settings.proxies.unix = true,
            Err(_) => {
                let message = format!("{network:?} is neither an address nor a network nor `unix`");
                return Err(Error::Config(message));
            }
        }
        Ok(self)
    }

    /// The certificate that it shows: with it, [`bind`](Self::bind) and [`serve`](Self::serve) speak HTTPS. Clients that
    /// show certificates of their own are known by them, as on the server's `tls://` listeners.
    ///
    /// ```no_run
    /// use asyncapy::gateway::Gateway;
    /// use asyncapy::security::TlsServer;
    ///
    /// # async fn run(server: asyncapy::server::Running) -> asyncapy::Result<()> {
    /// let tls = TlsServer::from_files("server.pem", "server.key", None::<&str>)?;
    /// Gateway::new(&server.handle()).tls(tls).serve("0.0.0.0:8443").await
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// The permissions of the file of a UNIX socket, such as `0o660`; `0o600` by default: the server's own user alone may
    /// connect.
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.settings.unix_mode = mode;
        self
    }

    /// The HTTP status of a code, where it is not to be that of the table in the [guide](crate::guide::gateway): mostly for
    /// codes of the application's own.
    ///
    /// # Errors
    /// [`Error::Config`] if the status is none of an error: 400 to 599.
    pub fn status(mut self, code: Code, status: u16) -> Result<Self> {
        match StatusCode::from_u16(status) {
            Ok(known) if known.is_client_error() || known.is_server_error() => {
                self.settings.statuses.insert(code, known);
                Ok(self)
            }
            _ => Err(Error::Config(format!("{status} is no HTTP status of an error, for {code}"))),
        }
    }

    /// A router for an application of one's own, to be nested at any path. It must be served by
    /// `into_make_service_with_connect_info::<SocketAddr>()`, or it cannot know who calls.
    ///
    /// What protects [`serve`](Self::serve) from clients that are slow or many is then the application's to do.
    pub fn into_router(self) -> Router {
        door::router(self.into_inner())
    }

    /// Binds the gateway to a place, written as those of the server are: `127.0.0.1:8080`, where port 0 lets the system
    /// pick one, or `unix:///run/api.sock`. With a certificate it is HTTPS, unless the place is `tcp://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is no place, or `tls://..` without a certificate; [`Error::Io`] if it cannot be bound.
    pub async fn bind(self, place: &str) -> Result<Listening> {
        let endpoint: Endpoint = place.parse()?;
        #[cfg(feature = "tls")]
        let endpoint = match endpoint {
            Endpoint::Tcp(host) if self.settings.tls.is_some() && !place.contains("//") => {
                Endpoint::Tls(host)
            }
            said => said,
        };
        Listening::bind(self.into_inner(), &endpoint).await
    }

    /// Serves the gateway at a place, as [`bind`](Self::bind) takes them, until its server stops.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    pub async fn serve(self, place: &str) -> Result<()> {
        self.bind(place).await?.serve().await
    }

    fn into_inner(self) -> Arc<Inner> {
        let dial = Dial { encoding: Encoding::Json, ..Dial::plain(self.handle.framing()) };
        Arc::new(Inner { handle: self.handle, settings: self.settings, dial })
    }
}

impl Inner {
    /// A session for one request, or one channel.
    pub(super) async fn session(&self, visitor: &Visitor, hello: Option<Hello>) -> Result<Peer, Refused> {
        let stream = self.handle.begin_session(visitor).await?;
        let hello = hello.filter(|_| self.handle.asks_for_credentials());
        let dial = Dial { hello, ..self.dial.clone() };
        Ok(dial.over(Io::Memory(stream), visitor.address()))
    }

    /// Refuses a call that would not fit into a packet with its name and its metadata.
    pub(super) fn check_size(&self, call: &RelayedCall<'_>) -> Result<(), Refused> {
        let metadata: usize = call
            .metadata
            .iter()
            .map(|(name, value)| {
                let value = value.as_text().map(str::as_bytes).or(value.as_bytes()).unwrap_or_default();
                name.len() + value.len() + ENTRY
            })
            .sum();
        if call.arguments.len() + call.target.len() + metadata + FRAME <= self.body_limit() {
            return Ok(());
        }
        let message =
            format!("a call has at most {} bytes with its name and its metadata", self.body_limit());
        Err(Status::new(Code::PacketTooLarge).message(message).into())
    }

    /// The most that a request may carry, in bytes: as much as a packet.
    pub(super) fn body_limit(&self) -> usize {
        self.handle.framing().max_packet_size() as usize
    }
}

/// What stands around the parts of an OPEN, at most, in bytes (protocol V3).
const FRAME: usize = 32;
/// What stands around the name and the value of one metadata, at most, in bytes.
const ENTRY: usize = 8;

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("settings", &self.settings).finish_non_exhaustive()
    }
}
