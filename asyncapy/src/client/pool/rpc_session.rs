use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use serde::Serialize;
use tokio::time::timeout;

use super::connection::Connection;
use super::open_stream::OpenStream;
use super::rpc_client::Owner;
use super::server::Server;
use super::shared::{Shared, unavailable};
use super::ticket::Ticket;
use crate::error::{Code, Error};
use crate::rpc::{
    Again, Call, CallRequest, Caller, Choice, Kept, OpenChannel, OpenItems, Peer, Status, Written,
};

tokio::task_local! {
    /// The session in whose scope a task is.
    static CURRENT: RpcSession;
}

/// Calls, streams and channels that share one connection and one session state at the server.
///
/// The connection is the session's own: no other call of the client uses it. It is lost with its server: the calls then
/// fail with `ERR_UNAVAILABLE` and are not made elsewhere, where the state is not known. It closes with the last clone.
///
/// There are two ways to use it: as a value, on which calls are made; or by [`scope`](Self::scope), inside of which all
/// calls of the client go through it.
///
/// ```
/// use asyncapy::client::RpcClient;
/// use asyncapy::prelude::*;
///
/// #[rpc]
/// async fn whoami(session: Session) -> String {
///     session.id().to_string()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// # let server = Server::builder().listen("127.0.0.1:0").register(whoami).build()?.start().await?;
/// # let client = RpcClient::connect([server.handle().endpoints()[0].to_string()]).await?;
/// let session = client.session().await?;
/// let id = whoami::call(&session).await?;
/// let again = session.scope(async { whoami::call(&client).await }).await?;
/// assert_eq!(again, id);
/// assert_ne!(whoami::call(&client).await?, id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RpcSession {
    held: Arc<Held>,
}

struct Held {
    connection: Arc<Connection>,
    /// A session keeps its client.
    owner: Arc<Owner>,
    _place: Place,
}

/// A place among the sessions of a client.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RpcSession {
    /// Connects to a server, and to another one if that cannot be reached.
    pub(super) async fn open(owner: &Arc<Owner>, server: Option<&str>) -> Result<Self, Status> {
        let shared = &owner.0;
        let most = shared.settings.max_sessions;
        let more = |sessions: usize| (sessions < most).then_some(sessions + 1);
        if shared.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            let why = format!("the client has {most} sessions, which is as many as it may");
            return Err(Status::new(Code::Overloaded).message(why).not_run());
        }
        let place = Place(shared.clone());
        let limit = shared.settings.connect_timeout;
        let connected = timeout(limit, Self::dial(shared, server)).await;
        let connection = connected.unwrap_or_else(|_| Err(unavailable(Error::TimedOut.to_string())))?;
        let held = Held { connection: Arc::new(connection), owner: owner.clone(), _place: place };
        Ok(Self { held: Arc::new(held) })
    }

    async fn dial(shared: &Arc<Shared>, named: Option<&str>) -> Result<Connection, Status> {
        let mut tried: Vec<Arc<Server>> = Vec::new();
        let mut problem = match named {
            Some(name) => format!("{name:?} is none of this client's servers"),
            None => "there is no server".to_owned(),
        };
        while !shared.is_stopped() {
            let Some(server) = shared.pick(&tried, named) else { return Err(unavailable(problem)) };
            match shared.dialler.dial(&server).await {
                Ok(peer) => return Ok(Connection::new(peer, server)),
                Err(error) => problem = error.to_string(),
            }
            tried.push(server);
        }
        Err(unavailable("the client has stopped".to_owned()))
    }

    /// The session in whose scope this task is, if it is one of this client.
    pub(super) fn current(shared: &Arc<Shared>) -> Option<Self> {
        CURRENT
            .try_with(|session| Arc::ptr_eq(&session.held.owner.0, shared).then(|| session.clone()))
            .ok()?
    }

    pub(super) fn choose(&self) -> Result<(Peer, Ticket), Status> {
        let Held { connection, owner, .. } = &*self.held;
        if owner.0.is_stopped() {
            return Err(unavailable("the client has stopped".to_owned()));
        }
        let ticket = Ticket::new(connection.clone(), None, None);
        Ok((connection.peer.clone(), ticket))
    }

    /// Runs a future in which all calls of the client, whoever makes them, go through this session. Tasks that it spawns are
    /// outside; a scope in a scope takes its place.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }

    /// Calls a function by name: [`RpcClient::call`](super::RpcClient::call).
    pub fn call<'a, R>(&'a self, target: &'a str, arguments: impl Serialize) -> Call<'a, Self, Written, R> {
        Call::new(self, target, false, Written::new(&arguments, self.peer().encoding()))
    }

    /// Opens a server stream by name.
    pub fn stream<'a, T>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenItems<'a, Self, Written, T> {
        OpenItems::new(self, target, false, Written::new(&arguments, self.peer().encoding()))
    }

    /// Opens a client stream or a duplex one by name.
    pub fn channel<'a, In, Out>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenChannel<'a, Self, Written, In, Out> {
        OpenChannel::new(self, target, false, Written::new(&arguments, self.peer().encoding()))
    }

    /// The other side of the session's connection.
    pub fn peer(&self) -> &Peer {
        &self.held.connection.peer
    }

    /// The server's endpoint.
    pub fn server(&self) -> &str {
        &self.held.connection.server.name
    }
}

impl Caller for RpcSession {
    type Ticket = Ticket;

    fn poll_choose(
        &self,
        _: &mut Context<'_>,
        _: &CallRequest<'_>,
        _: &mut Choice,
    ) -> Poll<Result<(Peer, Ticket), Status>> {
        Poll::Ready(self.choose())
    }

    fn ended(&self, _: &CallRequest<'_>, _: Ticket, _: Option<&Status>, _: &mut Choice) -> Again {
        Again::No
    }

    fn keep(&self, request: &CallRequest<'_>, ticket: Ticket) -> Option<Box<dyn Kept>> {
        Some(Box::new(OpenStream::new(ticket, request.target)))
    }
}

impl fmt::Debug for RpcSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RpcSession").field(&self.held.connection).finish()
    }
}
