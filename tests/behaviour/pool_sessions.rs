//! A session of a client keeps to one connection, which is its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;
use asyncapy_tests::{Machine, eventually, in_time, start};

use crate::pool_calls::{connected, named, place, whoami};

/// The session in which a call arrives.
#[rpc(group = "pool", idempotent)]
async fn which(session: Session) -> String {
    session.id().to_string()
}

#[rpc(group = "pool")]
async fn whiches(session: Session) -> Streaming<impl Stream<Item = String>> {
    Streaming::iter(std::iter::repeat_n(session.id().to_string(), 3))
}

#[tokio::test]
async fn all_calls_of_a_session_arrive_in_one() {
    let mut servers = Vec::new();
    for name in ["a", "b", "c"] {
        servers.push(start(named(name).register(which).register(whiches)).await);
    }
    let client = RpcClient::connect(servers.iter().map(place)).await.unwrap();
    connected(&client).await;
    let session = client.session().await.unwrap();
    let id = which::call(&session).await.unwrap();
    let others = client.session().await.unwrap();
    assert_ne!(which::call(&others).await.unwrap(), id, "each session has its own");

    // By value.
    for _ in 0..10 {
        assert_eq!(which::call(&session).await.unwrap(), id);
        assert_eq!(session.call::<String>("pool.which", ()).await.unwrap(), id);
    }
    let mut items = session.stream::<String>("pool.whiches", ()).await.unwrap();
    while let Some(item) = items.next().await {
        assert_eq!(item.unwrap(), id);
    }
    // By scope: whoever has the client need not know.
    let seen = session.scope(async {
        let mut seen = HashSet::new();
        for _ in 0..10 {
            seen.insert(which::call(&client).await.unwrap());
        }
        let inner = others.scope(which::call(&client)).await.unwrap();
        assert_ne!(inner, id, "the inner scope counts");
        seen
    });
    assert_eq!(seen.await, HashSet::from([id.clone()]));
    // Nobody else comes in.
    for _ in 0..20 {
        assert_ne!(which::call(&client).await.unwrap(), id);
    }
}

#[tokio::test]
async fn a_scope_is_one_clients_own() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    let first = RpcClient::connect([place(&a)]).await.unwrap();
    let second = RpcClient::connect([place(&b)]).await.unwrap();
    let session = first.session_at(&place(&a)).await.unwrap();
    assert!(session.server().ends_with(&place(&a)));
    let answers =
        session.scope(async { (whoami::call(&first).await.unwrap(), whoami::call(&second).await.unwrap()) });
    assert_eq!(answers.await, ("a".to_owned(), "b".to_owned()));
}

#[tokio::test]
async fn a_session_ends_with_its_server() {
    let mut machine = Machine::start(named("a").register(which)).await;
    let spare = start(named("b").register(which)).await;
    let client = RpcClient::connect([machine.place(), place(&spare)]).await.unwrap();
    let session = client.session_at(&machine.place()).await.unwrap();
    which::call(&session).await.unwrap();
    machine.kill();
    // Idempotent as it is, it is not made elsewhere: the session's state is lost.
    eventually("the session is lost", || !session.peer().is_open()).await;
    let lost = in_time("the call", which::call(&session)).await.unwrap_err();
    assert_eq!(lost.code, Code::Unavailable);
    assert_eq!(whoami::call(&client).await.unwrap(), "b");
    // A new one is made where that is possible.
    let session = in_time("a new session", client.session()).await.unwrap();
    assert_eq!(whoami::call(&session).await.unwrap(), "b");
}

/// What a server keeps with a session, counted.
struct Kept(Arc<AtomicUsize>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps one thing with the session, and tells how many there are with all of them.
#[rpc(group = "pool", idempotent)]
async fn keep(session: Session, State(kept): State<Arc<AtomicUsize>>) -> usize {
    session.get_or_insert_with(|| {
        kept.fetch_add(1, Ordering::Relaxed);
        Kept(kept.clone())
    });
    kept.load(Ordering::Relaxed)
}

/// Gives what is kept with its session, and then waits for ever.
#[rpc(group = "pool")]
async fn watch(session: Session) -> Streaming<impl Stream<Item = bool>> {
    Streaming::produce(async move |sink| {
        sink.send(session.get::<Kept>().is_some()).await;
        std::future::pending::<()>().await;
    })
}

#[rpc(group = "pool")]
async fn converse(mut channel: Channel<u32, bool>, session: Session) -> Result<(), Status> {
    while channel.recv().await?.is_some() {
        channel.send(session.get::<Kept>().is_some()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_session_has_under_way_ends_with_its_server() {
    let kept = Arc::<AtomicUsize>::default();
    let server = || named("a").register(keep).register(watch).register(converse).state(kept.clone());
    let mut machine = Machine::start(server()).await;
    let spare = start(server()).await;
    let client = RpcClient::connect([machine.place(), place(&spare)]).await.unwrap();
    let session = client.session_at(&machine.place()).await.unwrap();
    let in_scope = session.scope(async {
        assert_eq!(keep::call(&client).await.unwrap(), 1);
        let mut items = watch::call(&client).await.unwrap();
        assert_eq!(items.next().await, Some(Ok(true)));
        let mut channel = converse::call(&client).await.unwrap();
        channel.send(1).await.unwrap();
        assert_eq!(channel.recv().await, Ok(Some(true)));
        machine.kill();
        let lost = in_time("the stream", items.next()).await.unwrap().unwrap_err();
        assert_eq!(lost.code, Code::Unavailable);
        assert_eq!(in_time("the channel", channel.recv()).await.unwrap_err().code, Code::Unavailable);
        // The scope stays what it was: nothing goes to the other server unasked, idempotent or not.
        assert_eq!(in_time("a call", keep::call(&client)).await.unwrap_err().code, Code::Unavailable);
        let opened = in_time("a stream", watch::call(&client)).await;
        assert_eq!(opened.unwrap_err().code, Code::Unavailable);
    });
    in_scope.await;
    // Outside of it the client goes on.
    keep::call(&client).await.unwrap();
}

#[tokio::test]
async fn what_a_server_keeps_goes_with_the_session() {
    let kept = Arc::<AtomicUsize>::default();
    let server = start(named("a").register(keep).register(watch).state(kept.clone())).await;
    let client = RpcClient::connect([place(&server)]).await.unwrap();
    let session = client.session().await.unwrap();
    assert_eq!(keep::call(&session).await.unwrap(), 1);
    assert_eq!(keep::call(&session).await.unwrap(), 1, "it is kept once");
    let mut items = watch::call(&session).await.unwrap();
    assert_eq!(items.next().await, Some(Ok(true)));
    assert_eq!(keep::call(&client).await.unwrap(), 2, "another connection has its own");
    // A stream keeps its session.
    drop(session);
    assert_eq!(keep::call(&client).await.unwrap(), 2);
    drop(items);
    eventually("what was kept is dropped", || kept.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn sessions_are_counted_and_close() {
    let server = start(named("a")).await;
    let client = RpcClient::builder().server(place(&server)).max_sessions(2).connect().await.unwrap();
    let held = [client.session().await.unwrap(), client.session().await.unwrap()];
    let refused = client.session().await.unwrap_err();
    assert_eq!(refused.code, Code::Overloaded);
    assert_eq!(server.handle().stats().connections, 3);
    drop(held);
    eventually("their connections are closed", || server.handle().stats().connections == 1).await;
    let session = client.session().await.unwrap();
    client.stop(Duration::from_secs(1)).await;
    assert_eq!(whoami::call(&session).await.unwrap_err().code, Code::Unavailable);
    eventually("all are closed", || server.handle().stats().connections == 0).await;
    let error = client.session().await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
}
