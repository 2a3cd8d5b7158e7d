use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::open_stream::OpenStream;
use super::rpc_session::RpcSession;
use super::settings::bounded;
use super::shared::{Shared, unavailable};
use super::ticket::Ticket;
use super::{RpcClientBuilder, ServerState, StopReport};
use crate::error::Result;
use crate::rpc::{
    Again, Call, CallRequest, Caller, Choice, Kept, OpenChannel, OpenItems, Peer, Status, Written,
};

/// A client that calls functions of several servers and survives that some of them go.
///
/// It keeps connections to all of them, spreads the calls ([`Balance`](super::Balance)), connects again in the background
/// ([`Backoff`](super::Backoff)), spares those that fail ([`Breaker`](super::Breaker)), and makes a call again elsewhere
/// where that is sound ([`Retry`](super::Retry)). Each call has a deadline, 60 s if nothing else is said, so that none
/// hangs. Cheap to clone; many tasks may use it at once; the connections close with the last clone.
///
/// While no server at all can be reached a call waits, [2 s by default](RpcClientBuilder::wait), for one to come back, and
/// is then refused with `ERR_UNAVAILABLE`.
///
/// ```
/// use asyncapy::client::RpcClient;
/// use asyncapy::prelude::*;
///
/// #[rpc(group = "math", idempotent)]
/// async fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().listen("127.0.0.1:0").register(sum).build()?.start().await?;
/// let place = server.handle().endpoints()[0].to_string();
///
/// let client = RpcClient::connect([place]).await?;
/// assert_eq!(sum::call(&client, 1, 2).await?, 3);
/// assert_eq!(client.call::<i64>("math.sum", (1, 2)).await?, 3);
/// client.stop(std::time::Duration::from_secs(1)).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RpcClient {
    owner: Arc<Owner>,
}

/// The last clone stops what runs in the background.
pub(super) struct Owner(pub(super) Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl RpcClient {
    /// Connects to servers, each `host:port` or `host:port weight`, with the defaults.
    ///
    /// # Errors
    /// Those of [`RpcClientBuilder::connect`].
    pub async fn connect(servers: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        Self::builder().servers(servers).connect().await
    }

    /// Sets servers, balancing, limits and all else before it connects.
    pub fn builder() -> RpcClientBuilder {
        RpcClientBuilder::default()
    }

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { owner: Arc::new(Owner(shared)) }
    }

    /// Waits until a server is reached, or none was at the first try.
    pub(super) async fn reached(&self, limit: Duration) -> Result<()> {
        let shared = self.shared();
        let deadline = Instant::now() + limit;
        loop {
            let mut arrived = std::pin::pin!(shared.room.arrived.notified());
            arrived.as_mut().enable();
            let servers = self.servers();
            if servers.iter().any(|server| server.connections > 0) {
                return Ok(());
            }
            let late = timeout_at(deadline, async {
                if servers.iter().any(|server| server.problem.is_none()) {
                    arrived.await;
                    return false;
                }
                true
            });
            if late.await.unwrap_or(true) {
                let why = |server: &ServerState| match &server.problem {
                    Some(problem) => format!("{}: {problem}", server.address.endpoint),
                    None => format!("{}: no answer yet", server.address.endpoint),
                };
                let why: Vec<_> = servers.iter().map(why).collect();
                return Err(unavailable(format!("no server can be reached: {}", why.join("; "))).into());
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.0
    }

    /// Calls a function by name. Arguments are a map or a struct (by name), a tuple or a list (by position), or `()`.
    pub fn call<'a, R>(&'a self, target: &'a str, arguments: impl Serialize) -> Call<'a, Self, Written, R> {
        Call::new(self, target, false, Written::new(&arguments, self.shared().settings.encoding))
    }

    /// Opens a server stream by name; it stays with its connection.
    pub fn stream<'a, T>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenItems<'a, Self, Written, T> {
        OpenItems::new(self, target, false, Written::new(&arguments, self.shared().settings.encoding))
    }

    /// Opens a client stream or a duplex one by name: `In` come back, `Out` go there. It stays with its connection.
    pub fn channel<'a, In, Out>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenChannel<'a, Self, Written, In, Out> {
        OpenChannel::new(self, target, false, Written::new(&arguments, self.shared().settings.encoding))
    }

    /// A session: calls, streams and channels that share one connection, which is theirs alone, and with it one session
    /// state at the server. The server is chosen as for a call.
    ///
    /// # Errors
    /// `ERR_UNAVAILABLE` if no server can be reached, `ERR_OVERLOADED` if the client has
    /// [as many](RpcClientBuilder::max_sessions) already.
    pub async fn session(&self) -> Result<RpcSession, Status> {
        RpcSession::open(&self.owner, None).await
    }

    /// A session at this server: its endpoint as the client knows it, with or without `tcp://`.
    ///
    /// # Errors
    /// Those of [`session`](Self::session).
    pub async fn session_at(&self, server: &str) -> Result<RpcSession, Status> {
        RpcSession::open(&self.owner, Some(server)).await
    }

    /// The servers as they are now.
    pub fn servers(&self) -> Vec<ServerState> {
        self.shared().servers().iter().map(|server| ServerState::of(server)).collect()
    }

    /// Begins no call any more, waits for those under way for `limit` at most, cuts those that are left, and closes all
    /// connections. Calls that are made later are refused with `ERR_UNAVAILABLE`.
    pub async fn stop(&self, limit: Duration) -> StopReport {
        let started = Instant::now();
        let shared = self.shared();
        shared.stop();
        let under_way = shared.leaving_calls();
        let drained = async {
            loop {
                let mut ended = std::pin::pin!(shared.ended().notified());
                ended.as_mut().enable();
                if shared.leaving_calls() == 0 {
                    return;
                }
                ended.await;
            }
        };
        let in_time = timeout_at(started + bounded(limit), drained).await.is_ok();
        let cut = if in_time { 0 } else { shared.leaving_calls() };
        shared.dialler.cut();
        StopReport { drained: under_way.saturating_sub(cut), cut, took: started.elapsed() }
    }
}

impl Caller for RpcClient {
    type Ticket = Ticket;

    fn poll_choose(
        &self,
        context: &mut Context<'_>,
        request: &CallRequest<'_>,
        choice: &mut Choice,
    ) -> Poll<Result<(Peer, Ticket), Status>> {
        match RpcSession::current(self.shared()) {
            Some(session) => Poll::Ready(session.choose()),
            None => self.shared().poll_choose(context, request, choice),
        }
    }

    fn ended(
        &self,
        request: &CallRequest<'_>,
        ticket: Ticket,
        failure: Option<&Status>,
        choice: &mut Choice,
    ) -> Again {
        self.shared().ended_call(request, ticket, failure, choice)
    }

    fn keep(&self, request: &CallRequest<'_>, ticket: Ticket) -> Option<Box<dyn Kept>> {
        Some(Box::new(OpenStream::new(ticket, request.target)))
    }
}

impl fmt::Debug for RpcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClient").field("servers", &self.servers()).finish()
    }
}
