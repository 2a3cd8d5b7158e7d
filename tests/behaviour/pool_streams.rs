//! Streams and channels of a client with several servers: they count as calls do, while they last and by how they end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use asyncapy::client::{Balance, Breaker, RpcClient, RpcClientBuilder};
use asyncapy::prelude::*;
use asyncapy::rpc::{Items, Status};
use asyncapy::server::Builder;
use asyncapy_tests::{Machine, eventually, in_time, start};

use crate::pool_calls::{connected, named, place, whoami};

/// What the server's streams do, and how often they were asked for.
#[derive(Clone, Default)]
struct Mood {
    is: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
}

const WELL: u8 = 0;
/// It fails before the first item.
const OVERLOADED: u8 = 1;
/// It fails behind the first item.
const BREAKS: u8 = 2;
/// It gives nothing and does not end.
const SILENT: u8 = 3;
/// It gives one item and does not end.
const ENDLESS: u8 = 4;

impl Mood {
    fn set(&self, mood: u8) {
        self.is.store(mood, Ordering::Relaxed);
    }

    /// Begins a stream.
    fn begin(&self) -> u8 {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.is.load(Ordering::Relaxed)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[rpc(group = "pool")]
async fn moods(State(mood): State<Mood>) -> Streaming<impl Stream<Item = Result<u32, Code>>> {
    let mood = mood.begin();
    Streaming::produce(async move |sink| match mood {
        OVERLOADED => sink.send(Err(Code::Overloaded)).await,
        BREAKS => {
            sink.send(Ok(1)).await;
            sink.send(Err(Code::Overloaded)).await;
        }
        SILENT => std::future::pending().await,
        ENDLESS => {
            sink.send(Ok(1)).await;
            std::future::pending::<()>().await;
        }
        _ => sink.send(Ok(1)).await,
    })
}

#[rpc(group = "pool")]
async fn moody_echo(State(mood): State<Mood>, mut channel: Channel<String, String>) -> Result<(), Status> {
    let mood = mood.begin();
    while let Some(line) = channel.recv().await? {
        channel.send(line).await?;
        if mood == BREAKS {
            return Err(Status::new(Code::Overloaded));
        }
    }
    if mood == OVERLOADED { Err(Status::new(Code::Overloaded)) } else { Ok(()) }
}

fn with(mood: &Mood) -> Builder {
    named("a").register(moods).register(moody_echo).state(mood.clone())
}

fn breaker() -> Breaker {
    Breaker::default().pause(Duration::from_millis(300)).probes(1)
}

fn quick() -> RpcClientBuilder {
    RpcClient::builder()
        .server_breaker(breaker().consecutive(8))
        .function_breaker(breaker().consecutive(4))
        .timeout(Duration::from_secs(20))
}

/// All that a stream gives.
async fn drain(client: &RpcClient) -> Result<Vec<u32>, Status> {
    let mut items: Items<u32> = client.stream("pool.moods", ()).await?;
    let mut all = Vec::new();
    while let Some(item) = in_time("an item", items.next()).await {
        all.push(item?);
    }
    Ok(all)
}

/// Whether the breaker lets no such call through.
fn is_spared(status: &Status) -> bool {
    status.code == Code::Unavailable && status.to_string().contains("failed there of late")
}

#[tokio::test]
async fn streams_that_fail_open_the_functions_breaker() {
    for mood_of_failure in [OVERLOADED, BREAKS] {
        let mood = Mood::default();
        let server = start(with(&mood)).await;
        let client = quick().server(place(&server)).connect().await.unwrap();
        assert_eq!(drain(&client).await.unwrap(), [1]);
        mood.set(mood_of_failure);
        for _ in 0..4 {
            assert_eq!(drain(&client).await.unwrap_err().code, Code::Overloaded);
        }
        let asked = mood.asked();
        let spared = drain(&client).await.unwrap_err();
        assert!(is_spared(&spared), "{spared}");
        assert_eq!(mood.asked(), asked, "the server was not asked");
        assert_eq!(whoami::call(&client).await.unwrap(), "a", "other functions are called");
        mood.set(WELL);
        let deadline = tokio::time::Instant::now() + asyncapy_tests::DEADLINE;
        while drain(&client).await.is_err() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..10 {
            assert_eq!(drain(&client).await.unwrap(), [1], "it is closed again");
        }
    }
}

#[tokio::test]
async fn streams_that_end_well_are_in_no_row_of_failures() {
    let mood = Mood::default();
    let server = start(with(&mood)).await;
    // By the row alone.
    let row = breaker().consecutive(4).min_calls(10_000);
    let client = quick().function_breaker(row.clone()).server_breaker(row);
    let client = client.server(place(&server)).connect().await.unwrap();
    for round in 0..20 {
        mood.set(OVERLOADED);
        for _ in 0..3 {
            assert_eq!(drain(&client).await.unwrap_err().code, Code::Overloaded, "round {round}");
        }
        if round % 2 == 0 {
            mood.set(WELL);
            assert_eq!(drain(&client).await.unwrap(), [1]);
        } else {
            // Whoever takes an item and goes has had an answer.
            mood.set(ENDLESS);
            let mut items = client.stream::<u32>("pool.moods", ()).await.unwrap();
            assert_eq!(in_time("an item", items.next()).await.unwrap().unwrap(), 1);
        }
    }
    // Whoever goes without one tells nothing.
    mood.set(OVERLOADED);
    for _ in 0..3 {
        assert_eq!(drain(&client).await.unwrap_err().code, Code::Overloaded);
    }
    mood.set(SILENT);
    for _ in 0..3 {
        drop(client.stream::<u32>("pool.moods", ()).await.unwrap());
    }
    mood.set(OVERLOADED);
    assert_eq!(drain(&client).await.unwrap_err().code, Code::Overloaded);
    assert!(is_spared(&drain(&client).await.unwrap_err()), "four in a row");
}

#[tokio::test]
async fn channels_count_by_their_result() {
    for mood_of_failure in [OVERLOADED, BREAKS] {
        let mood = Mood::default();
        let server = start(with(&mood)).await;
        let client = quick().server(place(&server)).connect().await.unwrap();
        let open = async || client.channel::<String, String>("pool.moody_echo", ()).await;
        let mut channel = open().await.unwrap();
        channel.send("x".to_owned()).await.unwrap();
        assert_eq!(in_time("an item", channel.recv()).await.unwrap().as_deref(), Some("x"));
        channel.finish();
        in_time("the result", channel.result::<()>()).await.unwrap();
        assert_eq!(client.servers()[0].in_flight, 0, "it has ended, though somebody holds it");

        mood.set(mood_of_failure);
        for _ in 0..4 {
            let mut channel = open().await.unwrap();
            channel.send("x".to_owned()).await.unwrap();
            channel.recv().await.unwrap();
            channel.finish();
            let failed = in_time("the end", channel.recv()).await.unwrap_err();
            assert_eq!(failed.code, Code::Overloaded);
        }
        assert!(is_spared(&open().await.unwrap_err()));
    }
}

#[tokio::test]
async fn one_that_is_let_go_of_unread_counts_all_the_same() {
    let mood = Mood::default();
    let server = start(with(&mood)).await;
    let client = quick().server(place(&server)).connect().await.unwrap();
    mood.set(OVERLOADED);
    for _ in 0..4 {
        let before = mood.asked();
        let (sender, receiver) =
            client.channel::<String, String>("pool.moody_echo", ()).await.unwrap().split();
        drop(sender);
        // Its end is there, and nobody looks at it.
        eventually("it has begun", || mood.asked() == before + 1).await;
        eventually("the server has ended it", || server.handle().stats().calls == 0).await;
        whoami::call(&client).await.unwrap();
        drop(receiver);
    }
    assert!(is_spared(&client.channel::<String, String>("pool.moody_echo", ()).await.unwrap_err()));
}

#[tokio::test]
async fn time_that_is_up_is_a_failure_of_those_that_give_nothing() {
    let mood = Mood::default();
    let server = start(with(&mood)).await;
    let client = quick().server(place(&server)).connect().await.unwrap();
    let for_a_moment = async |client: &RpcClient| {
        let mut items = client.stream::<u32>("pool.moods", ()).timeout(Duration::from_millis(20)).await?;
        while let Some(item) = in_time("an item", items.next()).await {
            item?;
        }
        Ok(())
    };
    mood.set(ENDLESS);
    for _ in 0..20 {
        let late: Result<(), Status> = for_a_moment(&client).await;
        assert_eq!(late.unwrap_err().code, Code::DeadlineExceeded, "it has given an item");
    }
    mood.set(SILENT);
    for _ in 0..4 {
        assert_eq!(for_a_moment(&client).await.unwrap_err().code, Code::DeadlineExceeded);
    }
    assert!(is_spared(&for_a_moment(&client).await.unwrap_err()));
}

/// A probe that gives nothing for hours must not keep the server closed for as long, nor one that gives its first item.
#[tokio::test]
async fn a_stream_that_does_not_end_is_no_probe_without_end() {
    for endless in [SILENT, ENDLESS] {
        let mood = Mood::default();
        let server = start(with(&mood)).await;
        let client = quick().server(place(&server)).connect().await.unwrap();
        mood.set(OVERLOADED);
        for _ in 0..4 {
            drain(&client).await.unwrap_err();
        }
        mood.set(endless);
        let mut held = Vec::new();
        let deadline = tokio::time::Instant::now() + asyncapy_tests::DEADLINE;
        while held.is_empty() && tokio::time::Instant::now() < deadline {
            held.extend(client.stream::<u32>("pool.moods", ()).await.ok());
        }
        let mut probe: Items<u32> = held.pop().expect("a probe went through");
        if endless == ENDLESS {
            assert_eq!(in_time("an item", probe.next()).await.unwrap().unwrap(), 1);
        }
        mood.set(WELL);
        while drain(&client).await.is_err() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(drain(&client).await.unwrap(), [1], "though the probe has not ended");
        drop(probe);
        assert_eq!(drain(&client).await.unwrap(), [1], "what is left of it says nothing");
    }
}

#[tokio::test]
async fn a_server_that_is_lost_ends_its_streams_and_is_lost_once() {
    let mood = Mood::default();
    mood.set(ENDLESS);
    let mut machine = Machine::start(with(&mood)).await;
    let spare = start(with(&mood)).await;
    let client = quick().servers([machine.place(), place(&spare)]).connect().await.unwrap();
    connected(&client).await;
    let mut streams = Vec::new();
    for _ in 0..40 {
        let mut items: Items<u32> = client.stream("pool.moods", ()).await.unwrap();
        assert_eq!(in_time("an item", items.next()).await.unwrap().unwrap(), 1);
        streams.push(items);
    }
    assert_eq!(client.servers().iter().map(|server| server.in_flight).collect::<Vec<_>>(), [20, 20]);
    machine.kill();
    let mut lost = 0;
    let mut context = Context::from_waker(Waker::noop());
    eventually("its streams are lost", || {
        streams.retain_mut(|items| match Pin::new(items).poll_next(&mut context) {
            Poll::Ready(Some(Err(status))) if status.code == Code::Unavailable => false,
            Poll::Pending => true,
            other => panic!("{other:?}"),
        });
        lost = 40 - streams.len();
        lost >= 20
    })
    .await;
    assert_eq!(lost, 20);
    let servers = client.servers();
    assert_eq!((servers[0].in_flight, servers[1].in_flight), (0, 20));
    assert!(servers[0].is_closed, "one connection is lost, not twenty");
    drop(streams);
    assert_eq!(client.servers()[1].in_flight, 0);
}

#[tokio::test]
async fn the_least_loaded_server_gets_the_stream() {
    let moods = [Mood::default(), Mood::default()];
    let mut servers = Vec::new();
    for mood in &moods {
        mood.set(SILENT);
        servers.push(start(with(mood)).await);
    }
    let builder = quick().balance(Balance::LeastLoaded).servers(servers.iter().map(place));
    let client = builder.connect().await.unwrap();
    connected(&client).await;
    let busy = place(&servers[0]);
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(client.stream::<u32>("pool.moods", ()).server(&busy).await.unwrap());
    }
    for _ in 0..20 {
        streams.push(client.stream::<u32>("pool.moods", ()).await.unwrap());
    }
    eventually("all have begun", || moods[0].asked() + moods[1].asked() == 40).await;
    assert!(moods[0].asked().abs_diff(20) <= 1, "{} went where 20 streams are", moods[0].asked() - 20);
}
