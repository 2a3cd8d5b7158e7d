//! A client of several servers: how its calls are spread, aimed, limited and ended.

use std::collections::HashMap;
use std::time::Duration;

use asyncapy::Error;
use asyncapy::client::{Balance, Discover, RpcClient, ServerAddress};
use asyncapy::prelude::*;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{eventually, in_time, start};

/// What a server is called.
#[derive(Clone)]
pub(crate) struct Name(pub(crate) &'static str);

#[rpc(group = "pool", idempotent)]
pub(crate) async fn whoami(State(name): State<Name>) -> String {
    name.0.to_owned()
}

#[rpc(group = "pool")]
pub(crate) async fn nap(millis: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    millis
}

/// So slowly that nobody's latency is a matter of chance.
#[rpc(group = "pool")]
async fn slowly(State(name): State<Name>) -> String {
    tokio::time::sleep(Duration::from_millis(3)).await;
    name.0.to_owned()
}

#[rpc(group = "pool")]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(1..=to)
}

#[rpc(group = "pool")]
async fn echo(mut channel: Channel<String, String>) -> Result<()> {
    while let Some(line) = channel.recv().await? {
        channel.send(line).await?;
    }
    Ok(())
}

pub(crate) fn named(name: &'static str) -> Builder {
    Server::builder()
        .register(whoami)
        .register(nap)
        .register(slowly)
        .register(count)
        .register(echo)
        .state(Name(name))
}

pub(crate) fn place(server: &Running) -> String {
    server.local_addr().unwrap().to_string()
}

async fn answers(client: &RpcClient, calls: usize) -> HashMap<String, usize> {
    let mut answers = HashMap::new();
    for _ in 0..calls {
        *answers.entry(whoami::call(client).await.unwrap()).or_default() += 1;
    }
    answers
}

/// All servers have a connection.
pub(crate) async fn connected(client: &RpcClient) {
    eventually("all servers are connected", || client.servers().iter().all(|server| server.connections > 0))
        .await;
}

#[tokio::test]
async fn functions_are_called_as_on_one_connection() {
    let server = start(named("a")).await;
    let client = RpcClient::connect([place(&server)]).await.unwrap();
    assert_eq!(whoami::call(&client).await.unwrap(), "a");
    assert_eq!(client.call::<String>("pool.whoami", ()).await.unwrap(), "a");

    let mut items = count::call(&client, 1000).await.unwrap();
    let mut sum = 0;
    while let Some(item) = items.next().await {
        sum += item.unwrap();
    }
    assert_eq!(sum, 500_500);

    let mut channel = client.channel::<String, String>("pool.echo", ()).await.unwrap();
    channel.send("hello".to_owned()).await.unwrap();
    assert_eq!(channel.recv().await.unwrap().unwrap(), "hello");
    assert_eq!(client.servers()[0].in_flight, 1);
    drop((channel, items));
    assert_eq!(client.servers()[0].in_flight, 0);

    let unknown = client.call::<()>("pool.nothing", ()).await.unwrap_err();
    assert_eq!(unknown.code, Code::FunctionUnknown);
}

#[tokio::test]
async fn weights_are_observed() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    for balance in [Balance::RoundRobin, Balance::Random] {
        let builder =
            RpcClient::builder().balance(balance).server(format!("{} 3", place(&a))).server(place(&b));
        let client = builder.connect().await.unwrap();
        connected(&client).await;
        let answers = answers(&client, 400).await;
        let slack = if balance == Balance::RoundRobin { 1 } else { 60 };
        assert!(answers["a"].abs_diff(300) <= slack, "{balance:?}: {answers:?}");
    }
}

#[tokio::test]
async fn the_least_loaded_server_gets_the_call() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    let builder = RpcClient::builder().balance(Balance::LeastLoaded).servers([place(&a), place(&b)]);
    let client = builder.connect().await.unwrap();
    connected(&client).await;
    // Both are measured first; then the calls under way decide.
    for server in [place(&a), place(&b)].iter().cycle().take(40) {
        slowly::call(&client).server(server).await.unwrap();
    }
    let busy = place(&a);
    let mut naps: Vec<_> = (0..20).map(|_| nap::call(&client, 60_000).server(&busy)).collect();
    // One poll sends them.
    std::future::poll_fn(|context| {
        assert!(naps.iter_mut().all(|nap| std::pin::Pin::new(nap).poll(context).is_pending()));
        std::task::Poll::Ready(())
    })
    .await;
    let mut answers = Vec::new();
    for _ in 0..50 {
        answers.push(slowly::call(&client).await.unwrap());
    }
    let few = answers.iter().filter(|answer| *answer == "a").count();
    assert!(few < 10, "{few} of 50 went where 20 calls wait");
}

#[tokio::test]
async fn a_call_can_name_its_server() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    let client = RpcClient::connect([place(&a), place(&b)]).await.unwrap();
    for _ in 0..10 {
        assert_eq!(whoami::call(&client).server(&place(&b)).await.unwrap(), "b");
        assert_eq!(whoami::call(&client).server(&format!("tcp://{}", place(&a))).await.unwrap(), "a");
    }
    let nobody = whoami::call(&client).server("127.0.0.1:1").await.unwrap_err();
    assert_eq!(nobody.code, Code::Unavailable);
    assert!(nobody.to_string().contains("none of this client's servers"), "{nobody}");
}

#[tokio::test]
async fn a_busy_client_makes_more_connections_and_an_idle_one_fewer() {
    let server = start(named("a")).await;
    let builder = RpcClient::builder().server(place(&server)).max_connections(3).busy_at(2);
    let client = builder.idle_timeout(Duration::from_millis(50)).connect().await.unwrap();
    let naps = (0..12).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { nap::call(&client, 30).await.unwrap() })
    });
    let mut naps: Vec<_> = naps.collect();
    eventually("there are as many connections as may be", || {
        if client.servers()[0].connections < 3 {
            let client = client.clone();
            naps.push(tokio::spawn(async move { nap::call(&client, 30).await.unwrap() }));
        }
        client.servers()[0].connections == 3
    })
    .await;
    for nap in naps {
        nap.await.unwrap();
    }
    eventually("the additional ones are closed", || client.servers()[0].connections == 1).await;
    eventually("the server sees them go", || server.handle().stats().connections == 1).await;
    assert_eq!(whoami::call(&client).await.unwrap(), "a");
}

#[tokio::test]
async fn as_many_connections_are_kept_as_are_asked_for() {
    let server = start(named("a")).await;
    let builder = RpcClient::builder().server(place(&server)).min_connections(3);
    let client = builder.idle_timeout(Duration::from_millis(10)).connect().await.unwrap();
    eventually("they are there", || client.servers()[0].connections == 3).await;
    assert_eq!(server.handle().stats().connections, 3);
    for _ in 0..100 {
        assert_eq!(whoami::call(&client).await.unwrap(), "a");
    }
    assert_eq!(client.servers()[0].connections, 3, "no more, and none of them is too idle");
}

#[tokio::test]
async fn a_call_ends_by_its_deadline() {
    let server = start(named("a")).await;
    let builder = RpcClient::builder().server(place(&server)).timeout(Duration::from_millis(50));
    let client = builder.connect().await.unwrap();
    let late = in_time("the client's own", nap::call(&client, 60_000)).await.unwrap_err();
    assert_eq!(late.code, Code::DeadlineExceeded);
    let late = nap::call(&client, 60_000).timeout(Duration::from_millis(10));
    assert_eq!(in_time("the call's own", late).await.unwrap_err().code, Code::DeadlineExceeded);
    assert_eq!(nap::call(&client, 100).timeout(Duration::from_secs(60)).await.unwrap(), 100);
    assert_eq!(client.servers()[0].in_flight, 0);
}

#[tokio::test]
async fn a_call_that_waits_for_room_ends_by_its_deadline() {
    let server = start(named("a").limits(|limits| limits.streams_per_connection = 2)).await;
    let client = RpcClient::builder().server(place(&server)).max_connections(1).connect().await.unwrap();
    let first = client.channel::<String, String>("pool.echo", ()).await.unwrap();
    let second = client.channel::<String, String>("pool.echo", ()).await.unwrap();
    let late = whoami::call(&client).timeout(Duration::from_millis(50));
    let late = in_time("the call", late).await.unwrap_err();
    assert_eq!(late.code, Code::DeadlineExceeded);
    assert!(late.was_not_run());
    drop(first);
    assert_eq!(in_time("the call", whoami::call(&client)).await.unwrap(), "a");
    drop(second);
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_and_cuts_the_rest() {
    let server = start(named("a")).await;
    let client = RpcClient::connect([place(&server)]).await.unwrap();
    let mut calls = Vec::new();
    for millis in [100, 100, 60_000] {
        let client = client.clone();
        calls.push(tokio::spawn(async move { nap::call(&client, millis).await }));
    }
    eventually("they are under way", || client.servers()[0].in_flight == 3).await;
    let report = in_time("the stop", client.stop(Duration::from_millis(500))).await;
    assert_eq!((report.drained, report.cut), (2, 1), "{report:?}");
    let mut ends = Vec::new();
    for call in calls {
        ends.push(in_time("the call", call).await.unwrap().map_err(|status| status.code));
    }
    assert_eq!(ends, [Ok(100), Ok(100), Err(Code::Unavailable)]);
    assert_eq!(whoami::call(&client).await.unwrap_err().code, Code::Unavailable);
    eventually("nothing is left of it", || server.handle().stats().connections == 0).await;
}

#[tokio::test]
async fn the_last_clone_closes_the_connections() {
    let server = start(named("a")).await;
    let client = RpcClient::connect([place(&server)]).await.unwrap();
    let clone = client.clone();
    drop(client);
    assert_eq!(whoami::call(&clone).await.unwrap(), "a");
    drop(clone);
    eventually("the connection is closed", || server.handle().stats().connections == 0).await;
}

#[tokio::test]
async fn settings_that_are_none_are_told() {
    let wrong = [
        (RpcClient::builder(), "no server"),
        (RpcClient::builder().server("nonsense"), "host:port"),
        (RpcClient::builder().servers(["a:1", "tcp://a:1"]), "twice"),
        (RpcClient::builder().server("a:1").max_connections(0), "max_connections"),
        (RpcClient::builder().server("a:1").header_size(3), "header_size"),
    ];
    for (builder, what) in wrong {
        let error = builder.connect().await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[rpc(group = "taken")]
async fn twice(State(name): State<&'static str>) -> String {
    name.to_owned()
}

mod other {
    use asyncapy::prelude::*;

    #[rpc(group = "taken")]
    pub(super) async fn twice(State(_flag): State<bool>) {}
}

/// A source that has never anything to say.
struct Silent;

impl Discover for Silent {
    async fn changed(&mut self) -> asyncapy::Result<Vec<ServerAddress>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn every_mistake_of_what_is_served_is_told_at_once() {
    fn plain() {}
    let builder = RpcClient::builder()
        .discover(Silent)
        .register(plain)
        .register(twice)
        .register(other::twice)
        .state(1u8)
        .state(2u8)
        .identity("x".repeat(20_000));
    let Err(Error::Build(mistakes)) = builder.start().await else { panic!("it does not fit together") };
    let text = mistakes.join("\n");
    for what in [
        "plain` carries no `#[rpc]`",
        "a state of type `u8` was given before",
        "`taken.twice` needs a state of type `&str`",
        "`taken.twice` needs a state of type `bool`",
        "a function `taken.twice` is there already",
        "identity, API key and metadata together",
    ] {
        assert!(text.contains(what), "{what}: {text}");
    }
    assert_eq!(mistakes.len(), 6, "{text}");
}
