use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::BytesMut;
use tracing::{Instrument, debug, info_span};

use super::Peer;
use super::connection::{Connection, End, Parts};
use super::peer::TIMEOUT;
use super::serving::Serving;
use crate::handler::Address;
use crate::handler::outbox::Outbox;
use crate::handler::session::{Core, Phase};
use crate::mux::{Farewell, Io, Side};
use crate::wire::v3::Hello;
use crate::wire::{Encoding, Framing};

/// What the connecting side's connections have in common.
#[derive(Clone)]
pub(crate) struct Dial {
    pub(crate) framing: Framing,
    pub(crate) encoding: Encoding,
    pub(crate) timeout: Duration,
    pub(crate) serving: Arc<Serving>,
    /// What is said at first, if anything.
    pub(crate) hello: Option<Hello>,
}

impl Dial {
    /// With the defaults, and no functions of our own.
    pub(crate) fn plain(framing: Framing) -> Self {
        Self {
            framing,
            encoding: Encoding::ZiProto,
            timeout: TIMEOUT,
            serving: Arc::new(Serving::default()),
            hello: None,
        }
    }

    /// Makes a connection of a stream of which no more is known than what it is. One that is neither TCP nor a UNIX socket
    /// has no address of its own: no function that is private to a place is to be called from there.
    pub(crate) fn over_any(&self, io: Io) -> Peer {
        let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let address = match &io {
            Io::Tcp(stream) => stream.peer_addr().unwrap_or(nowhere).into(),
            #[cfg(unix)]
            Io::Unix(_) => Address::Unix,
            _ => nowhere.into(),
        };
        self.over(io, address)
    }

    /// Makes a connection of a stream that is connected, with a task of its own. It closes with the last handle.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn over(&self, io: Io, address: Address) -> Peer {
        let outbox = Outbox::new(usize::MAX, usize::MAX);
        let core = Arc::new(Core::new(
            address,
            #[cfg(feature = "tls")]
            None,
            self.framing,
            self.encoding,
            outbox,
            Weak::new(),
        ));
        core.speaks_streams();
        let span = info_span!("connection", id = %core.id);
        let connection = Connection::new(Parts {
            io,
            core: core.clone(),
            framing: self.framing,
            side: Side::Connecting,
            serving: self.serving.clone(),
            encoding: self.encoding,
            timeout: self.timeout,
            hello: self.hello.clone(),
            input: BytesMut::new(),
        });
        let peer = connection.owner();
        tokio::spawn(serve(connection, core, self.serving.clone()).instrument(span));
        peer
    }
}

/// Runs a connection to its end and closes it.
async fn serve(mut connection: Connection, core: Arc<Core>, serving: Arc<Serving>) {
    let end = connection.run().await;
    core.advance(Phase::Closing);
    if matches!(end, End::Cut | End::Stuck | End::Io(_)) {
        return;
    }
    let mut farewell = Farewell {
        io: &mut connection.io,
        output: &mut connection.output,
        stall: serving.settings.write_stall,
    };
    match farewell.write_all().await {
        Ok(Ok(())) if matches!(end, End::PeerClosed) => {}
        Ok(Ok(())) => farewell.linger().await,
        Ok(Err(error)) => debug!(part = "Client handler", %error, "The last frames were not written"),
        Err(_) => debug!(part = "Client handler", "The other side does not read the last frames"),
    }
}
