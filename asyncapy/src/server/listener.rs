use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::Endpoint;
use crate::error::{Error, Result};
use crate::handler::Address;
use crate::mux::Io;
#[cfg(feature = "tls")]
use crate::security::TlsServer;

/// How many connections the system holds until they are accepted.
const BACKLOG: i32 = 1024;

/// A place where connections come in.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(feature = "tls")]
    Tls(TcpListener, TlsServer),
    #[cfg(unix)]
    /// The file goes first: whoever finds it must find somebody listening, or it is taken for abandoned.
    Unix(SocketFile, UnixListener),
}

/// What came in: a stream, or one that has a handshake before it.
pub(crate) enum Incoming {
    Plain(Io, Address),
    #[cfg(feature = "tls")]
    Tls(tokio::net::TcpStream, Address, TlsServer),
}

impl Incoming {
    pub(crate) fn address(&self) -> Address {
        match self {
            Incoming::Plain(_, address) => *address,
            #[cfg(feature = "tls")]
            Incoming::Tls(_, address, _) => *address,
        }
    }
}

impl Listener {
    pub(crate) async fn bind(
        endpoint: &Endpoint,
        unix_mode: u32,
        #[cfg(feature = "tls")] tls: Option<&TlsServer>,
    ) -> Result<Self> {
        let bound = match endpoint {
            Endpoint::Tcp(host) => bind_tcp(host).await.map(Listener::Tcp),
            #[cfg(feature = "tls")]
            Endpoint::Tls(host) => match tls {
                Some(tls) => bind_tcp(host).await.map(|listener| Listener::Tls(listener, tls.clone())),
                None => return Err(Error::Config(format!("{endpoint} needs a certificate: `.tls(..)`"))),
            },
            #[cfg(not(feature = "tls"))]
            Endpoint::Tls(_) => {
                return Err(Error::Config(format!("{endpoint} needs the feature `tls` of asyncapy")));
            }
            #[cfg(unix)]
            Endpoint::Unix(path) => bind_unix(path, unix_mode).await,
            #[cfg(not(unix))]
            Endpoint::Unix(_) => {
                let _ = unix_mode;
                return Err(Error::Config(format!("{endpoint}: no UNIX sockets on this system")));
            }
        };
        bound.map_err(|error| {
            Error::Io(io::Error::new(error.kind(), format!("cannot listen at {endpoint}: {error}")))
        })
    }

    pub(crate) async fn accept(&self) -> io::Result<Incoming> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Replies are gathered before they are written: there is nothing for the system to wait for.
                stream.set_nodelay(true)?;
                Ok(Incoming::Plain(Io::Tcp(stream), address.into()))
            }
            #[cfg(feature = "tls")]
            Listener::Tls(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Incoming::Tls(stream, address.into(), tls.clone()))
            }
            #[cfg(unix)]
            Listener::Unix(_, listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Incoming::Plain(Io::Unix(stream), Address::Unix))
            }
        }
    }

    /// The address that was bound, with the port that the system picked.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(feature = "tls")]
            Listener::Tls(listener, _) => listener.local_addr().ok(),
            #[cfg(unix)]
            Listener::Unix(..) => None,
        }
    }

    /// The endpoint as a client reaches it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let host = || self.local_addr().map_or_else(String::new, |address| address.to_string());
        match self {
            Listener::Tcp(_) => Endpoint::Tcp(host()),
            #[cfg(feature = "tls")]
            Listener::Tls(..) => Endpoint::Tls(host()),
            #[cfg(unix)]
            Listener::Unix(file, _) => Endpoint::Unix(file.0.clone()),
        }
    }
}

/// The file of a UNIX socket, removed when the listener is gone.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(path = ?self.0, %error, "The socket's file was not removed");
        }
    }
}

async fn bind_tcp(host: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in tokio::net::lookup_host(host).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};

    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the server's last run that are not quite gone do not keep the next one from starting.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(unix)]
async fn bind_unix(path: &Path, mode: u32) -> io::Result<Listener> {
    let (file, listener) = match listen_unix(path, mode) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path).await => {
            std::fs::remove_file(path)?;
            listen_unix(path, mode)
        }
        other => other,
    }?;
    Ok(Listener::Unix(file, listener))
}

/// Nobody can connect before the socket listens, and by then the file has its permissions, whatever the umask says.
#[cfg(unix)]
fn listen_unix(path: &Path, mode: u32) -> io::Result<(SocketFile, UnixListener)> {
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::PermissionsExt;

    use socket2::{Domain, SockAddr, Socket, Type};

    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(socket));
    Ok((file, UnixListener::from_std(listener)?))
}

/// Whether nobody listens behind a socket's file: its server was killed.
#[cfg(unix)]
async fn is_abandoned(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;

    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let connected = tokio::net::UnixStream::connect(path).await;
    is_socket && connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
