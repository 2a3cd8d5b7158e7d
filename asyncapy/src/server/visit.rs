use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::DuplexStream;
use tokio::sync::{oneshot, watch};
use tracing::{Instrument, info_span};

pub(crate) use super::accept::Shaken;
use super::accept::{accept_each, ask_guards, note_refusal, serve_shaken, shake_hands, unless_stopping};
use super::admission::{Admitted, Standing};
use super::connection::Connection;
use super::guard::{self, Refusal};
use super::lifecycle::Ended;
pub(crate) use super::listener::{Incoming, Listener};
use super::shared::{Counters, Shared};
use super::{Endpoint, Handle, Limits};
use crate::error::Code;
use crate::handler::{Address, Session};
use crate::mux::Io;
use crate::rpc::{Shape, Status};
#[cfg(feature = "tls")]
use crate::security::Identity;

/// Somebody who comes by another way than a listener of the server's: over HTTP. Cheap to clone; the place among the
/// server's connections is free with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    address: Address,
    /// Where he has come in, if it is a place of ours.
    endpoint: Option<Arc<Endpoint>>,
    /// Who he is by his certificate.
    #[cfg(feature = "tls")]
    identity: Option<Arc<Identity>>,
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
        Self {
            address,
            endpoint: None,
            #[cfg(feature = "tls")]
            identity: None,
            place: Arc::new(Place { admitted: Mutex::new(Some(admitted)), standing }),
        }
    }

    /// The same, who has come in here.
    pub(crate) fn at(self, endpoint: Option<Arc<Endpoint>>) -> Self {
        Self { endpoint, ..self }
    }

    /// The same, known by this certificate.
    #[cfg(feature = "tls")]
    pub(crate) fn known(self, identity: Option<Arc<Identity>>) -> Self {
        Self { identity, ..self }
    }

    pub(crate) fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.endpoint.as_ref()
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
    /// Accepts connections at a place of another protocol's until the server stops.
    pub(crate) async fn accept_each(&self, listener: &Listener, welcome: impl FnMut(Incoming)) {
        accept_each(listener, &self.shared, welcome).await;
    }

    /// Shakes hands, if that is needed; `None` if it comes to nothing.
    pub(crate) async fn shake_hands(&self, incoming: Incoming) -> Option<Shaken> {
        shake_hands(incoming, &self.shared).await
    }

    /// Waits until the stop cuts what is left.
    pub(crate) async fn until_cut(&self) {
        self.shared.until_cut().await;
    }

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
            let shaken = Shaken {
                stream: io,
                #[cfg(feature = "tls")]
                identity: visitor.identity,
            };
            drop(visitor.place);
            serve_shaken(shaken, visitor.address, visitor.endpoint, self.shared.clone(), place).await;
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
            identity: visitor.identity.clone(),
            endpoint: visitor.endpoint.clone(),
            standing: visitor.place.standing,
        };
        if let Err(refusal) = Box::pin(ask_guards(incoming, &shared)).await {
            return refuse(decided, &refusal);
        }
    }
    let core = shared.session(
        visitor.address,
        #[cfg(feature = "tls")]
        visitor.identity.clone(),
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
                Ended::from(connection.serve().await)
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
