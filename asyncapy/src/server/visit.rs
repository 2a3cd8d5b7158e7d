use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::DuplexStream;
use tokio::sync::{oneshot, watch};
use tracing::{Instrument, info_span};

use super::accept::{ask_guards, note_refusal, serve, serve_until_cut, unless_stopping};
use super::admission::{Admitted, Standing};
use super::connection::Connection;
use super::guard::{self, Refusal};
use super::lifecycle::Ended;
use super::listener::Incoming;
use super::shared::{Counters, Shared};
use super::{Handle, Limits};
use crate::error::Code;
use crate::handler::{Address, Session};
use crate::mux::Io;
use crate::rpc::{Shape, Status};

/// Somebody who comes by another way than a listener of the server's: over HTTP. Cheap to clone; the place among the
/// server's connections is free with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    address: Address,
    place: Arc<Place>,
}

/// A place among the server's connections.
#[derive(Debug)]
struct Place {
    /// None once a connection of the protocol has taken it over.
    admitted: Mutex<Option<Admitted>>,
    standing: Standing,
}

impl Visitor {
    fn new(address: Address, admitted: Admitted) -> Self {
        let standing = admitted.standing;
        Self { address, place: Arc::new(Place { admitted: Mutex::new(Some(admitted)), standing }) }
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    fn take_place(&self) -> Option<Admitted> {
        self.place.admitted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Why a connection is not counted in.
#[derive(Debug)]
pub(crate) enum TurnedAway {
    /// Its address is banned: it was told before.
    Banned,
    /// It is one too many. Where there is room to tell it so, that room.
    TooMany(Option<TellingRoom>),
}

/// Room to tell somebody why he is turned away, while it is held.
#[derive(Debug)]
pub(crate) struct TellingRoom {
    _place: Admitted,
}

impl Handle {
    /// Counts a connection in, as if a listener had accepted it. Of its address there may be any number if it is a
    /// `proxy`, which speaks for many.
    pub(crate) fn arrive(&self, address: Address, proxy: bool) -> Result<Visitor, TurnedAway> {
        let counters = &self.shared.counters;
        let turned = if self.is_banned(address) {
            TurnedAway::Banned
        } else {
            match Admitted::enter(&self.shared, address.ip().filter(|_| !proxy)) {
                Ok(admitted) => {
                    Counters::add(&counters.accepted, 1);
                    return Ok(Visitor::new(address, admitted));
                }
                Err(room) => TurnedAway::TooMany(room.map(|place| TellingRoom { _place: place })),
            }
        };
        Counters::add(&counters.refused, 1);
        Err(turned)
    }

    /// Counts in one request of a connection that is not ours to count.
    pub(crate) fn arrive_for_request(&self, address: Address) -> Result<Visitor, Status> {
        if self.is_banned(address) {
            return Err(banned());
        }
        Admitted::enter_request(&self.shared, address.ip())
            .map(|admitted| Visitor::new(address, admitted))
            .ok_or_else(|| Status::new(Code::TooManyConnections))
    }

    fn is_banned(&self, address: Address) -> bool {
        address.ip().is_some_and(|ip| self.shared.bans.holds(ip))
    }

    /// Begins a session, as guards and hooks allow, and gives the stream to it.
    pub(crate) async fn begin_session(&self, visitor: &Visitor) -> Result<DuplexStream, Status> {
        if self.shared.is_stopping() {
            return Err(Status::new(Code::ShuttingDown));
        }
        if self.is_banned(visitor.address) {
            return Err(banned());
        }
        let (decided, decision) = oneshot::channel();
        // In a task of its own: what has begun is gone through with, also when nobody waits for it any more.
        tokio::spawn(host(visitor.clone(), self.shared.clone(), decided));
        match decision.await {
            Ok(decision) => decision,
            Err(_) => Err(Status::new(Code::ShuttingDown)),
        }
    }

    /// Serves a stream of the protocol, as if a listener had accepted it.
    pub(crate) async fn serve_stream(&self, visitor: Visitor, io: Io) {
        if let Some(place) = visitor.take_place() {
            let incoming = Incoming::Plain(io, visitor.address);
            drop(visitor);
            serve(incoming, None, self.shared.clone(), place).await;
        }
    }

    /// What goes each way of a call of this function, if there is one.
    pub(crate) fn shape_of(&self, target: &str) -> Option<Shape> {
        let functions = &self.shared.serving.functions;
        Some(functions.get(functions.find(target)?)?.function.shape)
    }

    /// Whether credentials come before calls.
    pub(crate) fn asks_for_credentials(&self) -> bool {
        self.shared.serving.credentials.is_some()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Tells when the server is to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.shared.stopping.subscribe()
    }
}

fn banned() -> Status {
    Status::new(Code::Unauthorized).message("the address is banned for a time")
}

/// Decides on a session and serves it to its end.
async fn host(visitor: Visitor, shared: Arc<Shared>, decided: oneshot::Sender<Result<DuplexStream, Status>>) {
    // Whoever waited may be gone, and then it does not matter what he is told.
    let refuse = |decided: oneshot::Sender<_>, refusal: &Refusal| {
        note_refusal(visitor.address, refusal, &shared);
        let _ = decided.send(Err(status(refusal)));
    };
    if !shared.guards.is_empty() {
        let incoming = guard::Incoming {
            address: visitor.address,
            #[cfg(feature = "tls")]
            identity: None,
            endpoint: None,
            standing: visitor.place.standing,
        };
        if let Err(refusal) = Box::pin(ask_guards(incoming, &shared)).await {
            return refuse(decided, &refusal);
        }
    }
    let core = shared.session(
        visitor.address,
        #[cfg(feature = "tls")]
        None,
    );
    let (near, far) = tokio::io::duplex(PIPE);
    let connection = Connection::new(Io::Memory(far), core.clone(), shared.clone());
    let span = info_span!("session", id = %core.id);
    if !shared.sessions.enter(&core, shared.limits.session_limit) {
        return refuse(decided, &Refusal::new(Code::SessionLimitReached));
    }
    // The shutdown may have gone through the sessions before this one was among them.
    if shared.is_stopping() {
        return refuse(decided, &Refusal::new(Code::ShuttingDown));
    }
    if shared.session_hooks.is_empty() {
        drop(core);
        let _ = decided.send(Ok(near));
        connection.serve().instrument(span).await;
        return;
    }
    let session = Session::new(core);
    let (hooks, time) = (&shared.session_hooks, shared.limits.hook_timeout);
    let mut passed = 0;
    let attended = async {
        let ended = match unless_stopping(&shared, hooks.connect(&session, time, &mut passed)).await {
            Ok(()) => {
                let _ = decided.send(Ok(near));
                serve_until_cut(connection, &session, &shared).await
            }
            Err(refusal) => {
                shared.sessions.leave(session.client().core());
                refuse(decided, &refusal);
                if passed == 0 {
                    return;
                }
                Ended::Refused(refusal.code().clone())
            }
        };
        hooks.disconnect(&session, &ended, time).await;
    };
    Box::pin(attended).instrument(span).await;
}

/// How many bytes may be on their way to a session, and back, beyond what either side holds.
const PIPE: usize = 16 * 1024;

/// What a refusal says, as the answer to a call.
fn status(refusal: &Refusal) -> Status {
    use crate::error::Failure;

    let status = Status::new(refusal.code().clone());
    match refusal.rejection().message() {
        Some(message) => status.message(message.into_owned()),
        None => status,
    }
}
