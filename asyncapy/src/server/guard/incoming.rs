use std::net::IpAddr;
use std::sync::Arc;

use crate::handler::Address;
#[cfg(feature = "tls")]
use crate::security::Identity;
use crate::server::Endpoint;
use crate::server::admission::Standing;

/// A connection that has come in, and whose session has not begun: what a [`Guard`](super::Guard) decides by.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub(in crate::server) address: Address,
    #[cfg(feature = "tls")]
    pub(in crate::server) identity: Option<Arc<Identity>>,
    pub(in crate::server) endpoint: Option<Arc<Endpoint>>,
    pub(in crate::server) standing: Standing,
}

impl Incoming {
    /// The client's address: the peer's.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Whom the address stands for, to count by: an IPv4 address, or the /64 network of an IPv6 address, since a host
    /// with IPv6 has a whole one to connect from. `None` on a UNIX socket.
    pub fn host(&self) -> Option<IpAddr> {
        self.address.host()
    }

    /// Who the client is by its TLS certificate; `None` without mutual TLS.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// Where it came in; `None` for one in memory, and for a request to a gateway that is part of another application.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_deref()
    }

    /// How many connections were open when it came in, this one among them.
    pub fn connections(&self) -> usize {
        self.standing.all
    }

    /// How many of them were of its [`host`](Self::host); 0 on a UNIX socket.
    pub fn connections_of_address(&self) -> usize {
        self.standing.of_address
    }
}
