use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, debug, info_span, warn};

use super::admission::Admitted;
use super::connection::Connection;
use super::listener::{Incoming, Listener};
use super::shared::{Counters, Shared};
use crate::error::Code;
use crate::mux::Io;
#[cfg(feature = "tls")]
use crate::security::Identity;

/// Accepts connections until the server stops.
pub(crate) async fn accept(listener: Listener, shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut reserve = Reserve::open();
    let mut pause = shared.limits.accept_backoff;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped(&mut stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(incoming) => {
                pause = shared.limits.accept_backoff;
                welcome(incoming, &shared);
            }
            Err(error) if of_one_connection(&error) => {
                debug!(%error, "A connection ended before it was accepted");
            }
            Err(error) => {
                warn!(part = "Client handler", %error, "Connections cannot be accepted; the next try is in {pause:?}");
                reserve.turn_one_away(&listener).await;
                tokio::select! {
                    _ = stopped(&mut stopping) => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(shared.limits.accept_backoff_max);
            }
        }
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server itself is gone.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Errors that say nothing of the connections to come.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput)
}

/// A descriptor kept for when there are no more: with it one waiting client is accepted and closed, rather than left to
/// wait for a server that cannot answer.
struct Reserve(Option<File>);

impl Reserve {
    fn open() -> Self {
        Self(if cfg!(unix) { File::open("/dev/null").ok() } else { None })
    }

    async fn turn_one_away(&mut self, listener: &Listener) {
        self.0 = None;
        // Somebody waits, or nobody does: in both cases at once.
        let _ = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
        *self = Self::open();
    }
}

/// Gives a connection a task of its own, if it may come in.
pub(crate) fn welcome(incoming: Incoming, shared: &Arc<Shared>) {
    let address = incoming.address();
    match Admitted::enter(shared, address.ip()) {
        Ok(place) => {
            Counters::add(&shared.counters.accepted, 1);
            tokio::spawn(serve(incoming, shared.clone(), place));
        }
        Err(place) => {
            Counters::add(&shared.counters.refused, 1);
            debug!(part = "Client handler", %address, "A connection too many");
            if let Some(place) = place {
                tokio::spawn(refuse(incoming, shared.clone(), place));
            }
        }
    }
}

async fn serve(incoming: Incoming, shared: Arc<Shared>, place: Admitted) {
    let address = incoming.address();
    let Some(shaken) = shake_hands(incoming, &shared).await else { return };
    let core = shared.session(
        address,
        #[cfg(feature = "tls")]
        shaken.identity,
    );
    let span = info_span!("session", id = %core.id);
    let entered = shared.sessions.enter(&core, shared.limits.session_limit);
    let refused = match entered {
        false => Some(Code::SessionLimitReached),
        // The shutdown may have gone through the sessions before this one was among them.
        true if shared.is_stopping() => Some(Code::ShuttingDown),
        true => None,
    };
    let connection = Connection::new(shaken.stream, core, shared.clone());
    match refused {
        Some(code) => {
            Counters::add(&shared.counters.refused, 1);
            connection.refuse(code).instrument(span).await;
        }
        None => connection.serve().instrument(span).await,
    }
    drop(place);
}

async fn refuse(incoming: Incoming, shared: Arc<Shared>, place: Admitted) {
    let address = incoming.address();
    if let Some(shaken) = shake_hands(incoming, &shared).await {
        let core = shared.session(
            address,
            #[cfg(feature = "tls")]
            shaken.identity,
        );
        Connection::new(shaken.stream, core, shared.clone()).refuse(Code::TooManyConnections).await;
    }
    drop(place);
}

/// A stream whose handshake is done.
struct Shaken {
    stream: Io,
    #[cfg(feature = "tls")]
    identity: Option<Arc<Identity>>,
}

#[cfg(feature = "tls")]
async fn shake_hands(incoming: Incoming, shared: &Shared) -> Option<Shaken> {
    match incoming {
        Incoming::Plain(stream, _) => Some(Shaken { stream, identity: None }),
        Incoming::Tls(stream, address, tls) => {
            // Boxed, since it is large and over soon.
            let handshake = Box::pin(tls.accept(stream));
            match tokio::time::timeout(shared.limits.handshake_timeout, handshake).await {
                Ok(Ok(stream)) => {
                    let identity = crate::security::Identity::of_client(&stream).map(Arc::new);
                    Some(Shaken { stream: Io::Tls(Box::new(stream)), identity })
                }
                Ok(Err(error)) => {
                    debug!(part = "Client handler", %address, %error, "A TLS handshake failed");
                    None
                }
                Err(_) => {
                    debug!(part = "Client handler", %address, "A TLS handshake took too long");
                    None
                }
            }
        }
    }
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unused_async, reason = "with the feature tls it waits for the handshake")]
async fn shake_hands(incoming: Incoming, _: &Shared) -> Option<Shaken> {
    match incoming {
        Incoming::Plain(stream, _) => Some(Shaken { stream }),
    }
}
