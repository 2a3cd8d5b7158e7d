use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::{sleep, timeout};

use super::Discover;
use crate::client::{Endpoint, ServerAddress};
use crate::error::{Error, Result};

/// All the addresses that a name stands for, looked up again and again.
///
/// Each address is a server of its own with the same weight. The system's resolver is asked, so that `/etc/hosts` counts;
/// it does not tell how long its answer holds, which is why there is an interval. With TLS a server's certificate must
/// have the name that was looked up.
///
/// ```
/// use asyncapy::client::{Discover, Dns};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let mut source = Dns::new("localhost:1500")?;
/// assert!(source.changed().await?.iter().all(|server| server.endpoint.to_string().ends_with(":1500")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dns {
    /// `host:port`
    name: String,
    /// Whether the name was written with `tls://`.
    tls: bool,
    weight: u32,
    every: Duration,
    /// What was given out last.
    last: Vec<ServerAddress>,
}

/// How long one look-up may take.
const LOOKUP: Duration = Duration::from_secs(10);

impl Dns {
    /// The name and the port: `host:port`, `tcp://host:port` or `tls://host:port`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is none.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let (name, tls) = match name.as_ref().parse()? {
            Endpoint::Tcp(name) => (name, false),
            Endpoint::Tls(name) => (name, true),
            other => return Err(Error::Config(format!("{other}: only a host and a port can be looked up"))),
        };
        Ok(Self { name, tls, weight: 1, every: Duration::from_secs(30), last: Vec::new() })
    }

    /// The time between two look-ups, 30 s by default; no less than 100 ms.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(super::SHORTEST);
        self
    }

    /// The weight of each address, 1 by default.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    async fn look_up(&self) -> Result<Vec<ServerAddress>> {
        let found = timeout(LOOKUP, lookup_host(&self.name)).await.map_err(|_| Error::TimedOut)?;
        let mut addresses: Vec<_> = found
            .map_err(|error| Error::Config(format!("{} cannot be looked up: {error}", self.name)))?
            .collect();
        // Resolvers turn the order with each answer; the list has not changed by that.
        addresses.sort_unstable();
        addresses.dedup();
        let endpoint = |address: &std::net::SocketAddr| match self.tls {
            true => Endpoint::Tls(address.to_string()),
            false => Endpoint::Tcp(address.to_string()),
        };
        let name = self.name.rsplit_once(':').map_or(&*self.name, |(name, _)| name);
        let server = |at| ServerAddress::new(endpoint(at)).weight(self.weight).tls_name(name);
        Ok(addresses.iter().map(server).collect())
    }
}

impl Discover for Dns {
    async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
        loop {
            if !self.last.is_empty() {
                sleep(self.every).await;
            }
            let found = self.look_up().await?;
            if found.is_empty() {
                return Err(Error::Config(format!("{} stands for no address", self.name)));
            }
            if found != self.last {
                self.last.clone_from(&found);
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_becomes_its_addresses_once() {
        let mut source = Dns::new("tls://localhost:1500").unwrap().weight(2).every(Duration::ZERO);
        let servers = source.changed().await.unwrap();
        assert!(!servers.is_empty());
        for server in &servers {
            assert!(matches!(&server.endpoint, Endpoint::Tls(at) if at.ends_with(":1500")), "{server}");
            assert_eq!((server.weight, server.tls_name.as_deref()), (2, Some("localhost")));
        }
        let again = timeout(Duration::from_millis(350), source.changed()).await;
        assert!(again.is_err(), "nothing has changed");
    }

    #[test]
    fn says_what_can_be_looked_up() {
        for text in ["unix:///run/a.sock", "localhost"] {
            assert!(Dns::new(text).is_err());
        }
    }
}
