//! A server calls the functions of its client, on the client's own connection: calls, streams and channels, their errors,
//! and what becomes of them when one of the two goes.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;
use asyncapy::rpc::{CallError, PeerBuilder};
use asyncapy::server::Running;
use asyncapy_tests::{at_rest, eventually, in_time, start};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

#[derive(Clone, Debug, PartialEq, Failure, Serialize, Deserialize)]
enum Division {
    #[failure(code = "ERR_BY_ZERO", message = "{a} cannot be divided", field = "b")]
    ByZero { a: i64 },
}

/// What the client serves.
mod client {
    use super::*;

    #[rpc(group = "client")]
    pub(super) async fn divide(a: i64, b: i64) -> Result<i64, Division> {
        a.checked_div(b).ok_or(Division::ByZero { a })
    }

    #[rpc(group = "client")]
    pub(super) async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
        Streaming::iter(1..=to)
    }

    #[rpc(group = "client")]
    pub(super) async fn shout(mut channel: Channel<String, String>) -> Result<usize, Status> {
        let mut lines = 0;
        while let Some(line) = channel.recv().await? {
            channel.send(line.to_uppercase()).await?;
            lines += 1;
        }
        Ok(lines)
    }

    /// Waits for ever, and is counted while it does.
    #[rpc(group = "client")]
    pub(super) async fn wait(State(waiting): State<Waiting>) {
        let _one = waiting.enter();
        pending::<()>().await;
    }
}

#[derive(Clone, Debug, Default)]
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn enter(&self) -> impl Drop + use<> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Left(self.clone())
    }

    async fn becomes(&self, count: usize) {
        eventually("so many wait", || self.0.load(Ordering::Relaxed) == count).await;
    }
}

struct Left(Waiting);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Passes on what its caller's own function says, whatever that is.
#[rpc]
async fn divide_there(caller: Peer, a: i64, b: i64) -> Result<i64, Status> {
    Ok(client::divide::call(&caller, a, b).await?)
}

#[rpc]
async fn add_up_there(caller: Peer, to: u32) -> Result<u32, Status> {
    let mut items = client::count::call(&caller, to).await?;
    let mut sum = 0;
    while let Some(item) = items.next().await {
        sum += item?;
    }
    Ok(sum)
}

#[rpc]
async fn shout_there(caller: Peer, lines: Vec<String>) -> Result<(Vec<Option<String>>, usize), Status> {
    let mut channel = client::shout::call(&caller).await?;
    let mut heard = Vec::new();
    for line in lines {
        channel.send(line).await?;
        heard.push(channel.recv().await?);
    }
    channel.finish();
    Ok((heard, channel.result().await?))
}

#[rpc]
async fn wait_there(caller: Peer) -> Result<(), Status> {
    client::wait::call(&caller).timeout(Duration::from_secs(60)).await
}

/// Keeps its caller, for later.
#[rpc]
async fn keep(caller: Peer, State(kept): State<UnboundedSender<Peer>>) {
    kept.send(caller).expect("somebody keeps them");
}

async fn serve() -> (Running, UnboundedReceiver<Peer>) {
    let (keeps, kept) = unbounded_channel();
    let server = Server::builder()
        .register(divide_there)
        .register(add_up_there)
        .register(shout_there)
        .register(wait_there)
        .register(keep)
        .state(keeps)
        .limits(|limits| limits.shutdown_deadline = Duration::ZERO);
    (start(server).await, kept)
}

fn peer(waiting: &Waiting) -> PeerBuilder {
    Peer::builder()
        .register(client::divide)
        .register(client::count)
        .register(client::shout)
        .register(client::wait)
        .state(waiting.clone())
}

/// A client of each kind of connection.
async fn peers(server: &Running, waiting: &Waiting) -> [Peer; 2] {
    let socket = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let memory = server.handle().connect().unwrap();
    [peer(waiting).over(socket).unwrap(), peer(waiting).over(memory).unwrap()]
}

#[tokio::test]
async fn a_server_calls_streams_and_converses() {
    let (server, _kept) = serve().await;
    for peer in peers(&server, &Waiting::default()).await {
        assert_eq!(divide_there::call(&peer, 42, 2).await, Ok(21));
        assert_eq!(add_up_there::call(&peer, 1_000).await, Ok(500_500));
        let lines = ["a", "b"].map(str::to_owned).to_vec();
        let heard = ["A", "B"].map(|line| Some(line.to_owned())).to_vec();
        assert_eq!(shout_there::call(&peer, lines).await, Ok((heard, 2)));
    }
}

#[tokio::test]
async fn the_session_of_a_client_is_called_back_on_its_own_connection() {
    let (server, mut kept) = serve().await;
    let place = server.local_addr().unwrap().to_string();
    let client = RpcClient::builder().server(&place).register(client::divide).connect().await.unwrap();
    let session = client.session().await.unwrap();
    assert_eq!(divide_there::call(&client, 42, 2).await, Ok(21));
    assert_eq!(divide_there::call(&session, 42, 2).await, Ok(21));
    keep::call(&session).await.unwrap();
    session.scope(async { keep::call(&client).await }).await.unwrap();
    let (one, other) = (kept.recv().await.unwrap(), kept.recv().await.unwrap());
    assert_eq!(one.session().id(), other.session().id());
    assert_eq!(client::divide::call(&one, 9, 3).await, Ok(3));
    // It ends with the session, whatever else the client has.
    drop(session);
    in_time("the session ends", one.closing()).await;
    let status = one.call::<i64>("client.divide", (9, 3)).await.unwrap_err();
    assert_eq!(status.code, Code::Unavailable);
    assert_eq!(divide_there::call(&client, 42, 2).await, Ok(21));
}

#[tokio::test]
async fn errors_of_a_client_are_passed_on_as_they_are() {
    let (server, mut kept) = serve().await;
    for peer in peers(&server, &Waiting::default()).await {
        let status = divide_there::call(&peer, 7, 0).await.unwrap_err();
        let expected = Status::new(Code::custom("ERR_BY_ZERO")).message("7 cannot be divided").field("b");
        assert_eq!(status, expected);
        // The server itself has the error as it is, as a typed one and as a status.
        keep::call(&peer).await.unwrap();
        let caller = kept.recv().await.unwrap();
        let error = client::divide::call(&caller, 7, 0).await.unwrap_err();
        assert_eq!(error, CallError::Function(Division::ByZero { a: 7 }));
        let status = Status::from(error);
        assert_eq!(status, expected);
        assert_eq!(status.details::<Division>().unwrap(), Division::ByZero { a: 7 });
    }
    // A client that serves nothing is no mistake of the server's.
    let bare = server.handle().peer().unwrap();
    let status = divide_there::call(&bare, 7, 1).await.unwrap_err();
    assert_eq!(status.code, Code::FunctionUnknown);
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_on_both_sides() {
    let (server, _kept) = serve().await;
    let waiting = Waiting::default();
    for peer in peers(&server, &waiting).await {
        let call = tokio::spawn({
            let peer = peer.clone();
            async move { wait_there::call(&peer).await }
        });
        waiting.becomes(1).await;
        // The client gives its call up, with it the server's function, with that the client's.
        call.abort();
        waiting.becomes(0).await;
        assert!(peer.is_open());
    }
    eventually("no call is left", || server.handle().stats().calls == 0).await;
}

/// A client on a line of its own, which is cut by ending the task.
fn on_a_line(
    mut there: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    waiting: &Waiting,
) -> (Peer, JoinHandle<()>) {
    let (here, mut end) = tokio::io::duplex(4096);
    let line = tokio::spawn(async move {
        // However it ends, it is over.
        let _ = tokio::io::copy_bidirectional(&mut end, &mut there).await;
    });
    (peer(waiting).over(here).unwrap(), line)
}

#[tokio::test]
async fn a_client_that_goes_ends_what_its_server_waits_for() {
    let (server, mut kept) = serve().await;
    let waiting = Waiting::default();
    let socket = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let memory = server.handle().connect().unwrap();
    for (peer, line) in [on_a_line(socket, &waiting), on_a_line(memory, &waiting)] {
        keep::call(&peer).await.unwrap();
        let caller = kept.recv().await.unwrap();
        let call = tokio::spawn({
            let caller = caller.clone();
            async move { client::wait::call(&caller).await }
        });
        let mut items = client::count::call(&caller, u32::MAX).await.unwrap();
        assert_eq!(items.next().await, Some(Ok(1)));
        let mut channel = client::shout::call(&caller).await.unwrap();
        waiting.becomes(1).await;
        line.abort();
        let status = in_time("the call", call).await.unwrap().unwrap_err();
        assert_eq!((&status.code, status.was_not_run()), (&Code::Unavailable, false), "{status}");
        let lost = loop {
            match in_time("the stream", items.next()).await.expect("it ends with an error") {
                Ok(_) => {}
                Err(status) => break status,
            }
        };
        assert_eq!(lost.code, Code::Unavailable);
        assert_eq!(in_time("the channel", channel.recv()).await.unwrap_err().code, Code::Unavailable);
        // What is called now has surely not been run.
        let status = in_time("one more", client::wait::call(&caller)).await.unwrap_err();
        assert_eq!((&status.code, status.was_not_run()), (&Code::Unavailable, true), "{status}");
        waiting.becomes(0).await;
    }
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn a_server_that_goes_ends_what_its_client_runs() {
    let (server, _kept) = serve().await;
    let waiting = Waiting::default();
    let peers = peers(&server, &waiting).await;
    let calls = peers.each_ref().map(|peer| {
        let peer = peer.clone();
        tokio::spawn(async move { wait_there::call(&peer).await })
    });
    waiting.becomes(2).await;
    server.shutdown().await.unwrap();
    waiting.becomes(0).await;
    for call in calls {
        let status = in_time("the call", call).await.unwrap().unwrap_err();
        assert!(matches!(status.code, Code::Unavailable | Code::ShuttingDown), "{status}");
    }
}
