use super::Discover;
use crate::client::ServerAddress;
use crate::error::Result;

/// Servers that stay as they are.
///
/// ```
/// use asyncapy::client::{Discover, Fixed};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let mut source = Fixed::new(["10.0.0.7:1500 3", "10.0.0.8:1500"])?;
/// assert_eq!(source.changed().await?.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Given out once.
    servers: Option<Vec<ServerAddress>>,
}

impl Fixed {
    /// Servers, each written `host:port`, or `host:port weight`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) names the first that is none.
    pub fn new(servers: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        let servers: Result<Vec<_>> = servers.into_iter().map(|server| server.as_ref().parse()).collect();
        Ok(Self::of(servers?))
    }

    pub(in crate::client::pool) fn of(servers: Vec<ServerAddress>) -> Self {
        Self { servers: Some(servers) }
    }
}

impl Discover for Fixed {
    async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
        match self.servers.take() {
            Some(servers) => Ok(servers),
            None => std::future::pending().await,
        }
    }
}
