use std::io;
#[cfg(feature = "tls")]
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Endpoint;
use crate::error::{Error, Result};
use crate::handler::Address;
use crate::mux::Io;
#[cfg(feature = "tls")]
use crate::security::TlsClient;

/// What carries the bytes of a connection.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for S {}

/// A stream that is connected, by what it is.
pub(super) enum Dialled {
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

impl Dialled {
    /// As one type, whatever it is.
    pub(super) fn into_transport(self) -> Box<dyn Transport> {
        match self {
            Dialled::Tcp(stream) => Box::new(stream),
            #[cfg(feature = "tls")]
            Dialled::Tls(stream) => stream,
            #[cfg(unix)]
            Dialled::Unix(stream) => Box::new(stream),
        }
    }

    /// As the streams of protocol V3 take it, and where the other side is.
    pub(super) fn into_io(self) -> Result<(Io, Address)> {
        Ok(match self {
            Dialled::Tcp(stream) => {
                let address = stream.peer_addr()?;
                (Io::Tcp(stream), Address::Socket(address))
            }
            #[cfg(feature = "tls")]
            Dialled::Tls(stream) => {
                let address = stream.get_ref().0.peer_addr()?;
                (Io::Any(Mutex::new(stream)), Address::Socket(address))
            }
            #[cfg(unix)]
            Dialled::Unix(stream) => (Io::Unix(stream), Address::Unix),
        })
    }
}

/// Connects to `endpoint`, all steps within `limit`. With TLS goes the name that the certificate must have, where that is
/// not the endpoint's own.
pub(super) async fn dial(
    endpoint: &Endpoint,
    #[cfg(feature = "tls")] tls: Option<(&TlsClient, Option<&str>)>,
    limit: Duration,
) -> Result<Dialled> {
    let deadline = Instant::now() + limit;
    #[cfg(feature = "tls")]
    if let Some((tls, name)) = tls {
        return match endpoint {
            // Whoever gives certificates never means an open connection.
            Endpoint::Tcp(host) | Endpoint::Tls(host) => {
                let stream = tcp(host, endpoint, deadline).await?;
                let own = host.rsplit_once(':').map_or(&**host, |(own, _)| own);
                let handshake = Box::pin(tls.connect(stream, name.unwrap_or(own)));
                let stream = timeout_at(deadline, handshake).await.map_err(|_| Error::TimedOut)??;
                Ok(Dialled::Tls(Box::new(stream)))
            }
            Endpoint::Unix(_) => {
                Err(Error::Config(format!("{endpoint}: TLS goes over TCP only; leave `.tls(..)` out")))
            }
        };
    }
    match endpoint {
        Endpoint::Tcp(host) => Ok(Dialled::Tcp(tcp(host, endpoint, deadline).await?)),
        #[cfg(feature = "tls")]
        Endpoint::Tls(_) => {
            Err(Error::Config(format!("{endpoint} needs to know whom to trust: `.tls(TlsClient)`")))
        }
        #[cfg(not(feature = "tls"))]
        Endpoint::Tls(_) => Err(Error::Config(format!("{endpoint} needs the feature `tls` of asyncapy"))),
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let connecting = timeout_at(deadline, tokio::net::UnixStream::connect(path));
            let connected = connecting.await.map_err(|_| Error::TimedOut)?;
            Ok(Dialled::Unix(connected.map_err(|error| explain(&error, endpoint))?))
        }
        #[cfg(not(unix))]
        Endpoint::Unix(_) => Err(Error::Config(format!("{endpoint}: no UNIX sockets on this system"))),
    }
}

/// Tries the addresses of a name in turn, each with its share of the time that is left.
async fn tcp(host: &str, endpoint: &Endpoint, deadline: Instant) -> Result<TcpStream> {
    let found = timeout_at(deadline, tokio::net::lookup_host(host)).await.map_err(|_| Error::TimedOut)?;
    let addresses: Vec<_> = found.map_err(|error| explain(&error, endpoint))?.collect();
    let mut last = Error::Io(io::Error::new(
        io::ErrorKind::NotFound,
        format!("{endpoint}: the name stands for no address"),
    ));
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Packets are gathered before they are written: there is nothing for the system to wait for.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = explain(&error, endpoint),
            Err(_) => last = Error::TimedOut,
        }
    }
    Err(last)
}

fn explain(error: &io::Error, endpoint: &Endpoint) -> Error {
    Error::Io(io::Error::new(error.kind(), format!("cannot connect to {endpoint}: {error}")))
}
