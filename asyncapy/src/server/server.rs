use std::fmt;
use std::sync::Arc;

use tracing::{info, warn};

use super::accept::accept;
use super::builder::Builder;
use super::lifecycle::{Failed, Lifecycle, Which};
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
    pub(super) unix_mode: u32,
    pub(super) lifecycle: Lifecycle,
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
    /// [`Error::Io`] if a place cannot be bound, or what a start hook failed with: its own error if it was an `on_start`
    /// function, [`Error::Hook`] otherwise. Then nothing runs, and what had been started is undone.
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
        if self.handlers().next().is_none() && self.shared.serving.functions.len() == 0 {
            warn!(
                part = "API main",
                "Neither handlers nor functions: `.linked()` or `.register(..)` brings them; all will be refused"
            );
        }
        let mut lifecycle = std::mem::take(&mut self.lifecycle);
        let (listeners, handle) = match self.prepare(&mut lifecycle).await {
            Ok(prepared) => prepared,
            Err(error) => {
                lifecycle.undo(&Handle::new(self.shared.clone(), Vec::new(), Vec::new())).await;
                return Err(error);
            }
        };
        for endpoint in handle.endpoints() {
            info!(part = "API main", "Now serving at {endpoint}");
        }
        let accepting = listeners
            .into_iter()
            .map(|listener| tokio::spawn(accept(listener, self.shared.clone())))
            .collect();
        let mut running = Running::new(handle.clone(), accepting, lifecycle);
        match running.lifecycle.start(Which::After, &handle).await {
            Ok(()) => Ok(running),
            Err(failed) => {
                if let Err(error) = running.shutdown().await {
                    warn!(part = "API main", %error, "The stop failed as well");
                }
                Err(failed.into_error())
            }
        }
    }

    /// Comes as far as a server can without a connection.
    async fn prepare(&self, lifecycle: &mut Lifecycle) -> Result<(Vec<Listener>, Handle)> {
        let unbound = Handle::new(self.shared.clone(), Vec::new(), Vec::new());
        lifecycle.start(Which::Before, &unbound).await.map_err(Failed::into_error)?;
        let mut listeners = Vec::new();
        for endpoint in &self.endpoints {
            let bound = Listener::bind(
                endpoint,
                self.unix_mode,
                #[cfg(feature = "tls")]
                self.tls.as_ref(),
            );
            listeners.push(bound.await?);
        }
        let endpoints = listeners.iter().map(Listener::endpoint).collect();
        let addresses = listeners.iter().filter_map(Listener::local_addr).collect();
        let handle = Handle::new(self.shared.clone(), endpoints, addresses);
        lifecycle.start(Which::On, &handle).await.map_err(Failed::into_error)?;
        Ok((listeners, handle))
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
