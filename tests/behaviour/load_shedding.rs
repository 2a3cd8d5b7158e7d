//! Twice as many calls as can be done: what of them is answered must be answered soon (LIMITS, "calls in flight").
//!
//! The time is virtual, so that the figures are the same on any machine: four places, 10 ms a call, so 400 calls a second
//! can be done, and 800 come.

use std::sync::Arc;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::middleware::LoadShed;
use asyncapy::server::Builder;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What a call needs that there is not enough of.
#[derive(Clone)]
struct Places(Arc<Semaphore>);

#[rpc]
async fn work(State(places): State<Places>) {
    let _place = places.0.acquire().await;
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// How it went.
#[derive(Debug)]
struct Outcome {
    answered: usize,
    refused: usize,
    /// Of those that were answered.
    p99: Duration,
    /// Of those that were refused.
    slowest_refusal: Duration,
}

const SECONDS: u64 = 4;

async fn twice_the_load(builder: Builder) -> Outcome {
    let builder = builder.register(work).state(Places(Arc::new(Semaphore::new(4))));
    let running = builder.build().unwrap().start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap();
    let mut calls = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..SECONDS * 200 {
        ticks.tick().await;
        for _ in 0..4 {
            let peer = peer.clone();
            calls.spawn(async move {
                let begun = Instant::now();
                let outcome = work::call(&peer).await;
                (begun.elapsed(), outcome)
            });
        }
    }
    let (mut took, mut refused) = (Vec::new(), Vec::new());
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            (time, Ok(())) => took.push(time),
            (time, Err(status)) => {
                assert_eq!(status.code, Code::Overloaded);
                refused.push(time);
            }
        }
    }
    took.sort_unstable();
    let outcome = Outcome {
        answered: took.len(),
        refused: refused.len(),
        p99: took[took.len() * 99 / 100],
        slowest_refusal: refused.into_iter().max().unwrap_or_default(),
    };
    println!("{outcome:?}");
    outcome
}

/// Nothing is refused: everybody waits for all that came before.
fn unlimited(builder: Builder) -> Builder {
    builder.limits(|limits| {
        limits.calls_in_flight = 1 << 20;
        limits.calls_per_connection = 1 << 20;
        limits.streams_per_connection = 1 << 20;
    })
}

#[tokio::test(start_paused = true)]
async fn without_it_everybody_waits() {
    let outcome = twice_the_load(unlimited(Server::builder())).await;
    assert_eq!(outcome.refused, 0, "{outcome:?}");
    assert!(outcome.p99 > Duration::from_secs(SECONDS - 1), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_shed_by_themselves() {
    let limited = |builder: Builder| {
        builder.limits(|limits| {
            limits.calls_in_flight = 4;
            limits.call_queue_timeout = Duration::from_millis(20);
        })
    };
    let outcome = twice_the_load(limited(Server::builder())).await;
    assert!(outcome.p99 <= Duration::from_millis(35), "{outcome:?}");
    assert!(outcome.slowest_refusal <= Duration::from_millis(25), "{outcome:?}");
    // What can be done is done.
    assert!(outcome.answered as u64 >= SECONDS * 400 * 95 / 100, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn load_shed_refuses_at_once() {
    let shed = |builder: Builder| unlimited(builder).middleware(LoadShed::new(12));
    let outcome = twice_the_load(shed(Server::builder())).await;
    assert!(outcome.p99 <= Duration::from_millis(35), "{outcome:?}");
    assert!(outcome.slowest_refusal <= Duration::from_millis(1), "{outcome:?}");
    assert!(outcome.answered as u64 >= SECONDS * 400 * 95 / 100, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn by_latency_it_comes_back_to_what_can_be_done() {
    let limit = Duration::from_millis(50);
    let shed = |builder: Builder| unlimited(builder).middleware(LoadShed::new(10_000).latency(limit));
    let outcome = twice_the_load(shed(Server::builder())).await;
    // It lets some in until it has seen that they are slow.
    assert!(outcome.p99 <= 4 * limit, "{outcome:?}");
    assert!(outcome.answered as u64 >= SECONDS * 400 / 2, "{outcome:?}");
}
