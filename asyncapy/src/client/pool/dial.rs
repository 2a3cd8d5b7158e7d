use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::time::{Instant, timeout_at};

use super::server::Server;
use super::settings::Settings;
use crate::client::transport::dial;
use crate::error::{Error, Result};
use crate::handler::session::{Core, Phase};
use crate::rpc::Peer;
use crate::rpc::dial::Dial;
#[cfg(feature = "tls")]
use crate::security::TlsClient;

/// Makes the connections of a client, and knows those that are still there.
pub(super) struct Dialler {
    pub(super) settings: Arc<Settings>,
    pub(super) dial: Dial,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsClient>,
    pub(super) connections: Mutex<Vec<Weak<Core>>>,
}

impl Dialler {
    /// Connects, and waits until the server has answered our HELLO: one that accepts and says nothing is no server.
    pub(super) async fn dial(&self, server: &Server) -> Result<Peer> {
        let deadline = Instant::now() + self.settings.connect_timeout;
        let dialled = dial(
            &server.endpoint,
            #[cfg(feature = "tls")]
            self.tls.as_ref().map(|tls| (tls, server.tls_name.as_deref())),
            self.settings.connect_timeout,
        );
        let (io, address) = dialled.await?.into_io()?;
        let peer = self.dial.over(io, address);
        self.remember(&peer);
        let greeted = timeout_at(deadline, peer.greeted()).await;
        match greeted {
            Ok(Ok(())) => Ok(peer),
            Ok(Err(status)) => Err(status.into()),
            Err(_) => {
                cut(peer.session().client().core());
                Err(Error::TimedOut)
            }
        }
    }

    fn remember(&self, peer: &Peer) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|core| core.strong_count() > 0);
        connections.push(Arc::downgrade(peer.session().client().core()));
    }

    /// Cuts what is left of all connections: their calls end with `ERR_UNAVAILABLE`.
    pub(super) fn cut(&self) {
        let connections =
            std::mem::take(&mut *self.connections.lock().unwrap_or_else(PoisonError::into_inner));
        connections.iter().filter_map(Weak::upgrade).for_each(|core| cut(&core));
    }
}

fn cut(core: &Core) {
    core.advance(Phase::Cut);
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialler")
    }
}
