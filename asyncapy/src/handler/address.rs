use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a client is: the peer's own address, never the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP peer, TLS or plain. An IPv4 address that was mapped into IPv6 is IPv4 again here.
    Socket(SocketAddr),
    /// A peer on a UNIX socket, which has no address.
    Unix,
}

impl Address {
    /// The IP address, where there is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Address::Socket(address) => Some(address.ip()),
            Address::Unix => None,
        }
    }

    /// Whom the address stands for, to count by: an IPv4 address, or the /64 network of an IPv6 address, since a host
    /// with IPv6 has a whole one to connect from. `None` for a peer on a UNIX socket.
    pub fn host(&self) -> Option<IpAddr> {
        self.ip().map(subject)
    }
}

/// Whom an IP address stands for: a host with IPv6 has a whole /64 to connect from.
pub(crate) fn subject(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Socket(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

/// The IP address alone, as AsyncAPY prints it, or `unix`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            Some(ip) => ip.fmt(f),
            None => f.write_str("unix"),
        }
    }
}
