//! Servers and functions that fail are left alone for a while, and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::client::{Breaker, Retry, RpcClient, RpcClientBuilder};
use asyncapy::prelude::*;
use asyncapy::rpc::{Caller, Metrics};
use asyncapy::server::Builder;
use asyncapy_tests::{eventually, start};

use crate::pool_calls::{connected, named, place, whoami};

/// Whether the server pretends to have too much to do, and how often it was asked.
#[derive(Clone, Default)]
struct Mood {
    overloaded: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Mood {
    fn set(&self, overloaded: bool) {
        self.overloaded.store(overloaded, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[rpc(group = "pool")]
async fn moody(State(mood): State<Mood>) -> Result<u64, Code> {
    mood.asked.fetch_add(1, Ordering::Relaxed);
    if mood.overloaded.load(Ordering::Relaxed) { Err(Code::Overloaded) } else { Ok(7) }
}

#[rpc(group = "pool")]
async fn wrong() -> Result<u64, Code> {
    Err(Code::custom("ERR_WRONG"))
}

fn with(mood: &Mood) -> Builder {
    named("a").register(moody).register(wrong).state(mood.clone())
}

fn quick() -> RpcClientBuilder {
    let breaker = Breaker::default().pause(Duration::from_millis(50)).probes(1);
    RpcClient::builder()
        .server_breaker(breaker.clone().consecutive(8))
        .function_breaker(breaker.consecutive(4))
        .retry(Retry::never())
}

#[tokio::test]
async fn a_function_that_fails_is_left_alone_and_comes_back() {
    let mood = Mood::default();
    let server = start(with(&mood)).await;
    let client = quick().server(place(&server)).connect().await.unwrap();
    assert_eq!(client.call::<u64>("pool.moody", ()).await.unwrap(), 7);
    mood.set(true);
    let asked = mood.asked();
    for _ in 0..4 {
        let refused = client.call::<u64>("pool.moody", ()).await.unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
    }
    assert_eq!(mood.asked(), asked + 4);
    let spared = client.call::<u64>("pool.moody", ()).await.unwrap_err();
    assert_eq!(spared.code, Code::Unavailable);
    assert!(spared.was_not_run() && spared.to_string().contains("failed there of late"), "{spared}");
    assert_eq!(mood.asked(), asked + 4, "the server was not asked");
    assert_eq!(whoami::call(&client).await.unwrap(), "a", "its other functions are called");

    mood.set(false);
    let mut answer = Err(spared);
    let deadline = tokio::time::Instant::now() + asyncapy_tests::DEADLINE;
    while answer.is_err() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer = client.call::<u64>("pool.moody", ()).await;
    }
    assert_eq!(answer.unwrap(), 7);
    for _ in 0..10 {
        assert_eq!(client.call::<u64>("pool.moody", ()).await.unwrap(), 7);
    }
}

#[tokio::test]
async fn errors_of_the_application_open_nothing() {
    let server = start(with(&Mood::default())).await;
    let client = quick().server(place(&server)).connect().await.unwrap();
    for _ in 0..50 {
        let wrong = client.call::<u64>("pool.wrong", ()).await.unwrap_err();
        assert_eq!(wrong.code, Code::custom("ERR_WRONG"));
        let unknown = client.call::<u64>("pool.unknown", ()).await.unwrap_err();
        assert_eq!(unknown.code, Code::FunctionUnknown);
    }
    assert!(client.servers()[0].is_closed);
}

#[tokio::test]
async fn a_server_that_fails_is_left_alone_and_the_others_take_its_calls() {
    let (bad, good) = (Mood::default(), Mood::default());
    let (a, b) = (start(with(&bad)).await, start(with(&good)).await);
    bad.set(true);
    // Overloaded means not run: the call goes to the other one, whatever it does.
    let client = quick().servers([place(&a), place(&b)]).retry(Retry::default()).connect().await.unwrap();
    connected(&client).await;
    for _ in 0..200 {
        assert_eq!(client.call::<u64>("pool.moody", ()).await.unwrap(), 7);
    }
    assert!(bad.asked() < 40, "it was asked {} times", bad.asked());
    bad.set(false);
    let asked = bad.asked();
    let deadline = tokio::time::Instant::now() + asyncapy_tests::DEADLINE;
    while bad.asked() < asked + 20 && tokio::time::Instant::now() < deadline {
        assert_eq!(client.call::<u64>("pool.moody", ()).await.unwrap(), 7);
    }
    assert!(bad.asked() >= asked + 20, "it comes back");
}

#[tokio::test]
async fn repeats_after_an_overload_are_counted() {
    let mood = Mood::default();
    let server = start(with(&mood)).await;
    mood.set(true);
    let builder = RpcClient::builder().server(place(&server)).retry(Retry::default().overloaded(1));
    let breaker = Breaker::default().consecutive(10_000).ratio(1.0).min_calls(10_000);
    let client = builder.function_breaker(breaker.clone()).server_breaker(breaker).connect().await.unwrap();
    let started = tokio::time::Instant::now();
    for _ in 0..100 {
        let refused = client.call::<u64>("pool.moody", ()).await.unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
    }
    let allowed = 1 + usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!(mood.asked() <= 100 + allowed, "{} for 100 calls", mood.asked());
    eventually("nothing is under way", || client.servers()[0].in_flight == 0).await;
}

/// Refuses the first time.
#[rpc(group = "pool")]
async fn second_time(State(mood): State<Mood>, number: u64) -> Result<u64, Code> {
    if mood.asked.fetch_add(1, Ordering::Relaxed) == 0 { Err(Code::Overloaded) } else { Ok(number) }
}

#[tokio::test]
async fn what_is_made_again_is_one_call_and_sent_twice() {
    let server = start(with(&Mood::default()).register(second_time)).await;
    let metrics = Metrics::new();
    let client = RpcClient::connect([place(&server)]).await.unwrap().with(metrics.clone());
    assert_eq!(second_time::call(&client, 7).await.unwrap(), 7);
    let text = metrics.render();
    for line in [
        r#"asyncapy_client_calls_total{name="pool.second_time",code="OK"} 1"#,
        // Twice `{"number": 7}`, and 7.
        r#"asyncapy_client_call_sent_bytes_total{name="pool.second_time"} 18"#,
        r#"asyncapy_client_call_received_bytes_total{name="pool.second_time"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}
