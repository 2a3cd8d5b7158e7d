use std::fmt;

use crate::handler::{Address, Client};
#[cfg(feature = "tls")]
use crate::security::{Identity, Name};

/// A place from which a private function may be called: `#[rpc(private("loopback", "unix"))]`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Place {
    /// The machine itself, over TCP.
    Loopback,
    /// A UNIX socket.
    Unix,
    /// A client whose certificate has this common name or DNS name.
    Identity(&'static str),
    /// Wherever the function says yes.
    Check(fn(&Client) -> bool),
}

impl Place {
    /// Whether the client is at this place.
    pub fn admits(&self, client: &Client) -> bool {
        match self {
            Place::Loopback => client.address().ip().is_some_and(|ip| ip.to_canonical().is_loopback()),
            Place::Unix => matches!(client.address(), Address::Unix),
            #[cfg(feature = "tls")]
            Place::Identity(name) => client.identity().is_some_and(|identity| is_named(identity, name)),
            #[cfg(not(feature = "tls"))]
            Place::Identity(_) => false,
            Place::Check(check) => check(client),
        }
    }
}

/// Whether a certificate has this common name, or this name of a host.
#[cfg(feature = "tls")]
pub(super) fn is_named(identity: &Identity, wanted: &str) -> bool {
    identity.name() == Some(wanted)
        || identity.names().iter().any(|name| matches!(name, Name::Dns(name) if name == wanted))
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Loopback => f.write_str("loopback"),
            Place::Unix => f.write_str("unix"),
            Place::Identity(name) => write!(f, "identity:{name}"),
            Place::Check(_) => f.write_str("a function"),
        }
    }
}
