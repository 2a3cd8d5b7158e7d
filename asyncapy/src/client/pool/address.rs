use std::fmt;
use std::str::FromStr;

use crate::client::Endpoint;
use crate::error::{Error, Result};

/// A server that a client may use: where it is, and how much of the load it gets in relation to the others.
///
/// Written as text it is an [`Endpoint`], and after a space its weight where that is not 1.
///
/// ```
/// use asyncapy::client::ServerAddress;
///
/// let server: ServerAddress = "10.0.0.7:1500 3".parse()?;
/// assert_eq!(server, ServerAddress::new("10.0.0.7:1500".parse()?).weight(3));
/// assert_eq!(server.to_string(), "tcp://10.0.0.7:1500 3");
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerAddress {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its share: with 3, it gets three times the calls of a server with 1. From 1 to [`MAX_WEIGHT`](Self::MAX_WEIGHT).
    pub weight: u32,
    /// The name that its TLS certificate must have, where that is not the endpoint's host: of a server that is known by its
    /// address, for instance.
    pub tls_name: Option<String>,
}

impl ServerAddress {
    /// The greatest weight.
    pub const MAX_WEIGHT: u32 = 1_000;

    /// A server of weight 1.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, weight: 1, tls_name: None }
    }

    /// Another weight.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The name that its TLS certificate must have.
    #[must_use]
    pub fn tls_name(mut self, name: impl Into<String>) -> Self {
        self.tls_name = Some(name.into());
        self
    }

    /// # Errors
    /// [`Error::Config`] if the weight is none.
    fn check(&self) -> Result<()> {
        match self.weight {
            1..=Self::MAX_WEIGHT => Ok(()),
            _ => Err(Error::Config(format!(
                "server {}: the weight must be from 1 to {}",
                self.endpoint,
                Self::MAX_WEIGHT
            ))),
        }
    }

    /// Checks a list: as long as is allowed, each server once, each weight in its bounds.
    ///
    /// # Errors
    /// [`Error::Config`] names the first server that is wrong.
    pub(super) fn check_all(servers: &[Self]) -> Result<()> {
        if servers.is_empty() {
            return Err(Error::Config("there is no server in the list".to_owned()));
        }
        if servers.len() > MOST {
            return Err(Error::Config(format!(
                "there are {} servers in the list, and {MOST} are allowed",
                servers.len()
            )));
        }
        for (at, server) in servers.iter().enumerate() {
            server.check()?;
            if servers[..at].iter().any(|other| other.endpoint == server.endpoint) {
                return Err(Error::Config(format!("server {} is in the list twice", server.endpoint)));
            }
        }
        Ok(())
    }
}

/// The most servers of a client.
const MOST: usize = 1_024;

impl From<Endpoint> for ServerAddress {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint)
    }
}

impl FromStr for ServerAddress {
    type Err = Error;

    /// # Errors
    /// [`Error::Config`] says what is allowed.
    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let endpoint = words.next().unwrap_or("").parse()?;
        let server = match words.next() {
            None => Self::new(endpoint),
            Some(weight) => Self::new(endpoint).weight(weight.parse().map_err(|_| {
                Error::Config(format!(
                    "{weight:?} is no weight; allowed is a whole number from 1 to {}",
                    Self::MAX_WEIGHT
                ))
            })?),
        };
        if let Some(more) = words.next() {
            return Err(Error::Config(format!(
                "{more:?} is too much; a server is written `host:port [weight]`"
            )));
        }
        server.check()?;
        Ok(server)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.weight {
            1 => self.endpoint.fmt(f),
            weight => write!(f, "{} {weight}", self.endpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    #[test]
    fn reads_what_it_writes() {
        for text in ["tcp://a:1", "tcp://a:1 7", "tls://[::1]:443 1000", "unix:///run/a.sock"] {
            assert_eq!(server(text).to_string(), text);
        }
        assert_eq!(server("  a:1   2 "), server("tcp://a:1 2"));
    }

    #[test]
    fn says_what_is_allowed() {
        for (text, what) in [
            ("", "host:port"),
            ("a", "host:port"),
            ("a:1 0", "from 1 to 1000"),
            ("a:1 1001", "from 1 to 1000"),
            ("a:1 -1", "whole number"),
            ("a:1 1 b:2", "too much"),
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_is_checked_as_a_whole() {
        let check =
            |servers: &[ServerAddress]| ServerAddress::check_all(servers).map_err(|error| error.to_string());
        assert_eq!(check(&[server("a:1"), server("a:2 3")]), Ok(()));
        assert!(check(&[]).unwrap_err().contains("no server"));
        assert!(check(&[server("a:1"), server("tcp://a:1 2")]).unwrap_err().contains("twice"));
        assert!(check(&[server("a:1").weight(0)]).unwrap_err().contains("weight"));
        let crowd: Vec<_> = (0..1025).map(|port| server(&format!("a:{port}"))).collect();
        assert!(check(&crowd).unwrap_err().contains("1025"));
    }
}
