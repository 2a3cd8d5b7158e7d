use std::fmt;
use std::sync::Arc;

use tracing::{debug, info, warn};

use super::accept::accept;
use super::builder::{Builder, Hook};
use super::listener::Listener;
use super::shared::Shared;
use super::{Endpoint, Handle, Running};
use crate::dispatch::Info;
use crate::error::{Error, Result};
#[cfg(feature = "tls")]
use crate::security::TlsServer;

/// A server whose wiring is sound, not started yet.
///
/// ```no_run
/// use asyncapy::prelude::*;
///
/// #[handler]
/// async fn echo(packet: Packet) -> Packet {
///     packet
/// }
///
/// #[tokio::main]
/// async fn main() -> asyncapy::Result<()> {
///     Server::builder().register(echo).build()?.serve("127.0.0.1:1500").await
/// }
/// ```
pub struct Server {
    pub(super) shared: Arc<Shared>,
    pub(super) endpoints: Vec<Endpoint>,
    /// Where to listen if no place was named: the `addr` and `port` of the settings.
    pub(super) default_endpoint: Endpoint,
    /// Where to listen besides: the `listeners` of the settings.
    pub(super) further: Vec<Endpoint>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsServer>,
    pub(super) on_start: Vec<Hook>,
    pub(super) on_stop: Vec<Hook>,
}

impl Server {
    /// A server to be told what to serve and where.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Serves at `endpoint` and at every place that the builder was given, until Ctrl-C, SIGTERM or
    /// [`Handle::shutdown`].
    ///
    /// # Errors
    /// [`Error::Config`] if the endpoint is none, [`Error::Io`] if it cannot be bound, or what a start or stop hook
    /// failed with.
    pub async fn serve(mut self, endpoint: &str) -> Result<()> {
        self.endpoints.insert(0, endpoint.parse()?);
        self.run().await
    }

    /// Serves at the places that the builder was given, or at `addr` and `port`, until Ctrl-C, SIGTERM or
    /// [`Handle::shutdown`].
    ///
    /// # Errors
    /// Those of [`serve`](Self::serve).
    pub async fn run(self) -> Result<()> {
        self.start().await?.until_signal().await?;
        Ok(())
    }

    /// Starts serving and gives the running server, which stops when it is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] if a place cannot be bound, or what a start hook failed with; then nothing runs.
    pub async fn start(mut self) -> Result<Running> {
        if self.endpoints.is_empty() {
            self.endpoints.push(self.default_endpoint.clone());
        }
        self.endpoints.append(&mut self.further);
        self.launch().await
    }

    /// Starts serving without any listener: clients come by [`Handle::connect`] alone.
    ///
    /// # Errors
    /// What a start hook failed with.
    pub async fn start_in_memory(mut self) -> Result<Running> {
        self.endpoints.clear();
        self.launch().await
    }

    async fn launch(mut self) -> Result<Running> {
        info!(part = "API main", "The server is starting up");
        if self.handlers().next().is_none() {
            warn!(
                part = "API main",
                "No handlers: `.linked()` or `.register(..)` brings them; every packet will be refused"
            );
        }
        let mut listeners = Vec::new();
        for endpoint in &self.endpoints {
            let bound = Listener::bind(
                endpoint,
                #[cfg(feature = "tls")]
                self.tls.as_ref(),
            );
            listeners.push(bound.await?);
        }
        let endpoints = listeners.iter().map(Listener::endpoint).collect();
        let addresses = listeners.iter().filter_map(Listener::local_addr).collect();
        let handle = Handle::new(self.shared.clone(), endpoints, addresses);
        for hook in self.on_start.drain(..) {
            debug!(part = "API main", "Running setup function");
            hook(handle.clone()).await?;
        }
        for endpoint in handle.endpoints() {
            info!(part = "API main", "Now serving at {endpoint}");
        }
        let accepting = listeners
            .into_iter()
            .map(|listener| tokio::spawn(accept(listener, self.shared.clone())))
            .collect();
        Ok(Running::new(handle, accepting, std::mem::take(&mut self.on_stop)))
    }

    /// The handlers, in the order in which they are asked.
    pub fn handlers(&self) -> impl Iterator<Item = &Info> {
        self.shared.table.infos()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

/// Reports all mistakes at once.
pub(super) fn report(mistakes: Vec<String>) -> Result<()> {
    if mistakes.is_empty() { Ok(()) } else { Err(Error::Build(mistakes)) }
}
