use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info};

use super::door;
use super::gateway::Inner;
use super::refused::{Refused, text};
use super::stall::Stall;
use crate::error::{Code, Result};
use crate::rpc::Status;
use crate::server::Endpoint;
use crate::server::visit::{Incoming, Listener, TellingRoom, TurnedAway, Visitor};

/// The longest head of a request, in bytes.
const HEAD: usize = 64 * 1024;
/// How long somebody who is turned away has to read why.
const TELLING: Duration = Duration::from_secs(1);

/// A gateway that is bound to a place: [`serve`](Self::serve) serves it until its server stops.
///
/// Its connections are the server's: they count among them, within the same limits, and the server's shutdown waits for
/// them.
#[must_use = "a gateway does nothing until it is served"]
pub struct Listening {
    gateway: Arc<Inner>,
    listener: Listener,
}

impl Listening {
    pub(super) async fn bind(gateway: Arc<Inner>, endpoint: &Endpoint) -> Result<Self> {
        let listener = Listener::bind(
            endpoint,
            gateway.settings.unix_mode,
            #[cfg(feature = "tls")]
            gateway.settings.tls.as_ref(),
        );
        Ok(Self { listener: listener.await?, gateway })
    }

    /// The address, with the port that the system picked; none for a UNIX socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where a browser finds it: `https://127.0.0.1:8443/`. A UNIX socket has no such URL; there it is
    /// `unix:///run/api.sock`.
    pub fn url(&self) -> String {
        match self.listener.endpoint() {
            Endpoint::Tcp(host) => format!("http://{host}/"),
            Endpoint::Tls(host) => format!("https://{host}/"),
            unix => unix.to_string(),
        }
    }

    /// Serves until the server stops, and then until the requests under way are answered or the server's shutdown cuts
    /// what is left. That shutdown must run beside it: [`Running::wait`](crate::server::Running::wait), say.
    ///
    /// # Errors
    /// None so far; connections that cannot be accepted are tried again.
    pub async fn serve(self) -> Result<()> {
        info!(part = "API main", "Now serving at {}", self.url());
        let Self { gateway, listener } = self;
        let limits = gateway.handle.limits().clone();
        let endpoint = Arc::new(listener.endpoint());
        let mut connections = JoinSet::new();
        let welcome = |incoming| {
            // Those that have ended are let go here.
            while connections.try_join_next().is_some() {}
            welcome(&gateway, incoming, &endpoint, &mut connections);
        };
        gateway.handle.accept_each(&listener, welcome).await;
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        // The shutdown cuts them all at its deadline; where nobody runs it, they end here.
        if timeout(limits.hook_timeout + limits.shutdown_deadline, drained).await.is_err() {
            connections.shutdown().await;
        }
        Ok(())
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server itself is gone.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Gives a connection a task of its own, if it may come in.
fn welcome(
    gateway: &Arc<Inner>,
    incoming: Incoming,
    endpoint: &Arc<Endpoint>,
    connections: &mut JoinSet<()>,
) {
    let address = incoming.address();
    match gateway.handle.arrive(address, gateway.settings.proxies.contain(address)) {
        Ok(visitor) => {
            let visitor = visitor.at(Some(endpoint.clone()));
            connections.spawn(serve_until_cut(gateway.clone(), incoming, visitor));
        }
        Err(TurnedAway::TooMany(Some(room))) => {
            connections.spawn(turn_away(gateway.clone(), incoming, room));
        }
        // Without a word: one costs a task.
        Err(TurnedAway::TooMany(None) | TurnedAway::Banned) => {
            debug!(part = "Client handler", %address, "A connection was turned away");
        }
    }
}

async fn serve_until_cut(gateway: Arc<Inner>, incoming: Incoming, visitor: Visitor) {
    tokio::select! {
        biased;
        () = gateway.handle.until_cut() => debug!(part = "Client handler", "An HTTP connection was cut"),
        () = serve(&gateway, incoming, visitor) => {}
    }
}

async fn serve(gateway: &Arc<Inner>, incoming: Incoming, visitor: Visitor) {
    let Some(shaken) = gateway.handle.shake_hands(incoming).await else { return };
    #[cfg(feature = "tls")]
    let visitor = visitor.known(shaken.identity);
    let limits = gateway.handle.limits();
    let io = TokioIo::new(Stall::new(shaken.stream, limits.write_stall));
    let mut stopping = gateway.handle.stopping();
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(door::enter(gateway, request.map(Body::new)).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.packet_timeout)
        .max_buf_size(HEAD)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(part = "Client handler", error = ?error, "An HTTP connection ended early");
    }
}

/// Tells somebody that there is no room, and closes.
async fn turn_away(gateway: Arc<Inner>, incoming: Incoming, room: TellingRoom) {
    let Some(shaken) = gateway.handle.shake_hands(incoming).await else { return };
    let mut stream = shaken.stream.into_transport();
    let status = Status::new(Code::TooManyConnections);
    let (http, body) = (Refused::from(status.clone()).http(&gateway.settings), text(&status));
    let response = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        http.as_u16(),
        http.canonical_reason().unwrap_or_default(),
        body.len()
    );
    let told = async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await?;
        // What it has sent is read, or its system would throw away what it was told.
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    match timeout(TELLING, told).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            debug!(part = "Client handler", %error, "A client was not told why it is turned away");
        }
        Err(_) => debug!(part = "Client handler", "A client does not read why it is turned away"),
    }
    drop(room);
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("url", &self.url()).finish_non_exhaustive()
    }
}
