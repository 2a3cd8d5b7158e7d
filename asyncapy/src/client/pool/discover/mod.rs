//! Where the servers are: a list that may change while the client runs.
//!
//! - [`Discover`]: the trait of every source, for one of your own.
//! - [`Fixed`]: a list that stays as it is.
//! - [`ServerFile`]: a file with a server a line, looked at again and again.
//! - [`Dns`]: all the addresses of a name, looked up again and again.

mod dns;
mod fixed;
mod server_file;

pub use dns::Dns;
pub use fixed::Fixed;
pub use server_file::ServerFile;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::ServerAddress;
use crate::error::Result;

/// A source of servers.
///
/// The client calls [`changed`](Self::changed) once when it starts, and again as soon as it has taken in the list before:
/// servers that are new are connected to, those that are gone are drained, those that stay keep their connections,
/// latencies and breakers. An error stops a client that starts; one that runs logs it, keeps the last list, and asks
/// again after its [backoff](super::Backoff).
///
/// # consul, etcd and others
///
/// asyncapy brings no client of a registry: such a crate pulls in its own HTTP or gRPC stack, which whoever has no registry
/// should not have to build. A source is one method; the [guide](crate::guide::clients) has a whole one for consul, by
/// plain HTTP. As of November 2026, of the crates for them:
///
/// - etcd: `etcd-client` (0.21) is well kept, with several releases a year. The source asks for a prefix with
///   `get`, answers that list first, and then waits on `watch` from the revision of that answer, so that nothing
///   between the two is missed.
/// - consul: `rs-consul` (0.15, by Roblox) is well kept; `consulrs` and `consul` have seen no release since 2021. The
///   source asks for the healthy instances of a service with a blocking query: it gives the index of its last answer,
///   and consul answers when that has changed, or after its `wait`.
///
/// Both fit this pattern, here with an invented registry that is watched by a version:
///
/// ```
/// use asyncapy::Result;
/// use asyncapy::client::{Discover, RpcClient, ServerAddress};
/// # use std::time::Duration;
/// # #[derive(Clone)] struct Registry;
/// # struct Answer { version: u64, instances: Vec<(String, u32)> }
/// # impl Registry {
/// #     async fn wait(&self, _service: &str, after: u64) -> Result<Answer> {
/// #         if after > 0 { std::future::pending::<()>().await; }
/// #         Ok(Answer { version: 1, instances: vec![("10.0.0.7:1500".to_owned(), 3)] })
/// #     }
/// # }
///
/// struct Watched {
///     registry: Registry,
///     service: String,
///     /// The version of the last answer; 0 asks for the list as it is.
///     version: u64,
/// }
///
/// impl Discover for Watched {
///     async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
///         // The answer is a list of places and weights.
///         let answer = self.registry.wait(&self.service, self.version).await?;
///         let servers = answer
///             .instances
///             .iter()
///             .map(|(place, weight)| Ok(ServerAddress::new(place.parse()?).weight(*weight)))
///             .collect::<Result<Vec<_>>>()?;
///         self.version = answer.version;
///         Ok(servers)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut source = Watched { registry: Registry, service: "math".to_owned(), version: 0 };
/// assert_eq!(source.changed().await?[0].to_string(), "tcp://10.0.0.7:1500 3");
///
/// let client = RpcClient::builder().discover(source);
/// # Ok(())
/// # }
/// ```
pub trait Discover: Send + 'static {
    /// The list of servers: the first time as it is, afterwards once it has changed. A source that never changes again
    /// waits for ever. One that does not wait is asked ten times a second: a list that is as it was changes nothing.
    ///
    /// The client may drop the future when it stops, at no other time.
    ///
    /// # Errors
    /// Whatever went wrong, in a sentence for the log.
    fn changed(&mut self) -> impl Future<Output = Result<Vec<ServerAddress>>> + Send;
}

/// The shortest time between two looks of a source that looks again and again, and between two lists of any.
pub(super) const SHORTEST: Duration = Duration::from_millis(100);

/// Any source, as the client keeps it.
pub(super) struct Source(Box<dyn Boxed>);

trait Boxed: Send {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = Result<Vec<ServerAddress>>> + Send + '_>>;
}

impl<D: Discover> Boxed for D {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = Result<Vec<ServerAddress>>> + Send + '_>> {
        Box::pin(Discover::changed(self))
    }
}

impl Source {
    pub(super) fn new(source: impl Discover) -> Self {
        Self(Box::new(source))
    }

    /// The next list, checked.
    pub(super) async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
        let servers = self.0.changed().await?;
        ServerAddress::check_all(&servers)?;
        Ok(servers)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
