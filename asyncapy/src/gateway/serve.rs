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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::gateway::Inner;
use super::refused::{Refused, text};
use super::stall::Stall;
use super::{door, who};
use crate::error::{Code, Error, Result};
use crate::handler::Address;
use crate::rpc::Status;
use crate::server::visit::{TellingRoom, TurnedAway, Visitor};

/// The longest head of a request, in bytes.
const HEAD: usize = 64 * 1024;
/// How long somebody who is turned away has to read why.
const TELLING: Duration = Duration::from_secs(1);

/// A gateway that is bound to an address: [`serve`](Self::serve) serves it until its server stops.
///
/// Its connections are the server's: they count among them, within the same limits, and the server's shutdown waits for
/// them.
#[must_use = "a gateway does nothing until it is served"]
pub struct Listening {
    gateway: Arc<Inner>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    pub(super) async fn bind(gateway: Arc<Inner>, address: &str) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::Io(io::Error::new(error.kind(), format!("cannot listen at {address:?}: {error}")))
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { gateway, listener, address })
    }

    /// The address, with the port that the system picked.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the server stops, and then until the requests under way are answered or the shutdown's deadline has
    /// passed.
    ///
    /// # Errors
    /// None so far; connections that cannot be accepted are tried again.
    pub async fn serve(self) -> Result<()> {
        let Self { gateway, listener, address } = self;
        info!(part = "API main", "Now serving at http://{address}/");
        let limits = gateway.handle.limits().clone();
        let mut stopping = gateway.handle.stopping();
        let mut pause = limits.accept_backoff;
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped(&mut stopping) => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    pause = limits.accept_backoff;
                    welcome(&gateway, stream, address.into(), &mut connections);
                }
                Err(error) if of_one_connection(&error) => {
                    debug!(%error, "A connection ended before it was accepted");
                }
                Err(error) => {
                    warn!(part = "Client handler", %error, "Connections cannot be accepted; the next try is in {pause:?}");
                    tokio::select! {
                        () = stopped(&mut stopping) => break,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(limits.accept_backoff_max);
                }
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        // Too late is not an error: those that are left are cut.
        if timeout(limits.shutdown_deadline, drained).await.is_err() {
            connections.shutdown().await;
        }
        Ok(())
    }
}

/// Errors that say nothing of the connections to come.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server itself is gone.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Gives a connection a task of its own, if it may come in.
fn welcome(gateway: &Arc<Inner>, stream: TcpStream, address: Address, connections: &mut JoinSet<()>) {
    let is_proxy = address.ip().is_some_and(|ip| who::is_proxy(ip, &gateway.settings.proxies));
    match gateway.handle.arrive(address, is_proxy) {
        Ok(visitor) => {
            connections.spawn(serve(gateway.clone(), stream, visitor));
        }
        Err(TurnedAway::TooMany(Some(room))) => {
            connections.spawn(turn_away(gateway.clone(), stream, room));
        }
        // Without a word: one costs a task.
        Err(TurnedAway::TooMany(None) | TurnedAway::Banned) => {
            debug!(part = "Client handler", %address, "A connection was turned away");
        }
    }
}

async fn serve(gateway: Arc<Inner>, stream: TcpStream, visitor: Visitor) {
    if let Err(error) = stream.set_nodelay(true) {
        return debug!(part = "Client handler", %error, "A connection ended before it began");
    }
    let limits = gateway.handle.limits();
    let io = TokioIo::new(Stall::new(stream, limits.write_stall));
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
async fn turn_away(gateway: Arc<Inner>, mut stream: TcpStream, room: TellingRoom) {
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
        f.debug_struct("Listening").field("address", &self.address).finish_non_exhaustive()
    }
}
