use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, debug, info_span, warn};

use super::Endpoint;
use super::admission::Admitted;
use super::connection::Connection;
use super::guard::{self, Refusal};
use super::lifecycle::Ended;
use super::listener::{Incoming, Listener};
use super::shared::{Counters, Shared};
use crate::error::Code;
use crate::handler::session::Core;
use crate::handler::{Address, Session};
use crate::mux::Io;
#[cfg(feature = "tls")]
use crate::security::Identity;

/// Accepts connections of the protocol until the server stops.
pub(crate) async fn accept(listener: Listener, shared: Arc<Shared>) {
    let endpoint = Arc::new(listener.endpoint());
    accept_each(&listener, &shared, |incoming| welcome(incoming, Some(&endpoint), &shared)).await;
}

/// Accepts connections until the server stops, whatever becomes of them.
pub(super) async fn accept_each(listener: &Listener, shared: &Shared, mut welcome: impl FnMut(Incoming)) {
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
                welcome(incoming);
            }
            Err(error) if of_one_connection(&error) => {
                debug!(%error, "A connection ended before it was accepted");
            }
            Err(error) => {
                warn!(part = "Client handler", %error, "Connections cannot be accepted; the next try is in {pause:?}");
                reserve.turn_one_away(listener).await;
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
pub(crate) fn welcome(incoming: Incoming, endpoint: Option<&Arc<Endpoint>>, shared: &Arc<Shared>) {
    let address = incoming.address();
    if address.ip().is_some_and(|ip| shared.bans.holds(ip)) {
        // Without a word, since one costs a task, and this client was told before.
        Counters::add(&shared.counters.refused, 1);
        debug!(part = "Client handler", %address, "The client is banned");
        return;
    }
    match Admitted::enter(shared, address.ip()) {
        Ok(place) => {
            Counters::add(&shared.counters.accepted, 1);
            tokio::spawn(serve(incoming, endpoint.cloned(), shared.clone(), place));
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

pub(super) async fn serve(
    incoming: Incoming,
    endpoint: Option<Arc<Endpoint>>,
    shared: Arc<Shared>,
    place: Admitted,
) {
    let address = incoming.address();
    if let Some(shaken) = shake_hands(incoming, &shared).await {
        serve_shaken(shaken, address, endpoint, shared, place).await;
    }
}

pub(super) async fn serve_shaken(
    shaken: Shaken,
    address: Address,
    endpoint: Option<Arc<Endpoint>>,
    shared: Arc<Shared>,
    mut place: Admitted,
) {
    // Boxed, like all that is asked before and after: an idle connection is not to hold the room for it.
    let refusal = match shared.guards.is_empty() {
        true => None,
        false => {
            let incoming = guard::Incoming {
                address,
                #[cfg(feature = "tls")]
                identity: shaken.identity.clone(),
                endpoint,
                standing: place.standing,
            };
            Box::pin(ask_guards(incoming, &shared)).await.err().map(Box::new)
        }
    };
    let core = shared.session(
        address,
        #[cfg(feature = "tls")]
        shaken.identity,
    );
    let connection = Connection::new(shaken.stream, core.clone(), shared.clone());
    let span = info_span!("session", id = %core.id);
    if let Some(refusal) = refusal {
        Box::pin(turn_away(connection, &refusal, &mut place, &shared)).instrument(span).await;
        return;
    }
    let entered = shared.sessions.enter(&core, shared.limits.session_limit);
    let refused = match entered {
        false => Some(Code::SessionLimitReached),
        // The shutdown may have gone through the sessions before this one was among them.
        true if shared.is_stopping() => Some(Code::ShuttingDown),
        true => None,
    };
    match refused {
        Some(code) => {
            Counters::add(&shared.counters.refused, 1);
            connection.refuse(&code).instrument(span).await;
        }
        None if shared.session_hooks.is_empty() => {
            drop(core);
            connection.serve().instrument(span).await;
        }
        None => Box::pin(attend(connection, core, &mut place, &shared)).instrument(span).await,
    }
    drop(place);
}

/// Serves a connection with functions of the application's before and after.
async fn attend(connection: Connection, core: Arc<Core>, place: &mut Admitted, shared: &Shared) {
    let hooks = &shared.session_hooks;
    let time = shared.limits.hook_timeout;
    let session = Session::new(core);
    let mut passed = 0;
    let decided = unless_stopping(shared, hooks.connect(&session, time, &mut passed)).await;
    let ended = match decided {
        Ok(()) => Ended::from(connection.serve().await),
        Err(refusal) => {
            shared.sessions.leave(session.client().core());
            turn_away(connection, &refusal, place, shared).await;
            if passed == 0 {
                return;
            }
            Ended::Refused(refusal.code().clone())
        }
    };
    hooks.disconnect(&session, &ended, time).await;
}

pub(super) async fn ask_guards(incoming: guard::Incoming, shared: &Shared) -> Result<(), Refusal> {
    unless_stopping(shared, shared.guards.admit(&incoming, shared.limits.hook_timeout)).await
}

/// Waits for a decision. A stop does not: the connection would not be served any more.
pub(super) async fn unless_stopping(
    shared: &Shared,
    decision: impl Future<Output = Result<(), Refusal>>,
) -> Result<(), Refusal> {
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        biased;
        decided = decision => decided,
        () = stopped(&mut stopping) => Err(Refusal::new(Code::ShuttingDown)),
    }
}

/// Refuses a connection as the application has decided. Its place is free for others while it is told why.
async fn turn_away(connection: Connection, refusal: &Refusal, place: &mut Admitted, shared: &Shared) {
    note_refusal(connection.address(), refusal, shared);
    if place.give_up() {
        connection.refuse(refusal.rejection()).await;
    }
}

/// Counts a refusal, and bans whom it bans.
pub(super) fn note_refusal(address: Address, refusal: &Refusal, shared: &Shared) {
    Counters::add(&shared.counters.refused, 1);
    if let Some(cause) = refusal.cause() {
        warn!(part = "Client handler", code = %refusal.code(), ?cause, "A connection was refused for a failure");
    }
    if let (Some(ip), Some(time)) = (address.ip(), refusal.ban()) {
        debug!(part = "Client handler", %ip, ?time, "The client's address is banned");
        shared.bans.ban(ip, time);
    }
}

async fn refuse(incoming: Incoming, shared: Arc<Shared>, place: Admitted) {
    let address = incoming.address();
    if let Some(shaken) = shake_hands(incoming, &shared).await {
        let core = shared.session(
            address,
            #[cfg(feature = "tls")]
            shaken.identity,
        );
        Connection::new(shaken.stream, core, shared.clone()).refuse(&Code::TooManyConnections).await;
    }
    drop(place);
}

/// A stream whose handshake is done.
pub(crate) struct Shaken {
    pub(crate) stream: Io,
    #[cfg(feature = "tls")]
    pub(crate) identity: Option<Arc<Identity>>,
}

/// Shakes hands, if that is needed. `None` if it comes to nothing: it fails, takes too long, or the server is gone.
#[cfg(feature = "tls")]
pub(super) async fn shake_hands(incoming: Incoming, shared: &Shared) -> Option<Shaken> {
    match incoming {
        Incoming::Plain(stream, _) => Some(Shaken { stream, identity: None }),
        Incoming::Tls(stream, address, tls) => {
            // Boxed, since it is large and over soon.
            let handshake = Box::pin(tls.accept(stream));
            let shaken = tokio::select! {
                biased;
                () = shared.until_cut() => return None,
                shaken = tokio::time::timeout(shared.limits.handshake_timeout, handshake) => shaken,
            };
            match shaken {
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
pub(super) async fn shake_hands(incoming: Incoming, _: &Shared) -> Option<Shaken> {
    match incoming {
        Incoming::Plain(stream, _) => Some(Shaken { stream }),
    }
}
