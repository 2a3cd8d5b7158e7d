//! Attack: more connections, and more calls, than the server can do well.

use std::sync::Arc;
use std::time::Duration;

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, at_rest, echo, eventually, settled_tasks, start};
use tokio::sync::Semaphore;
use tokio::time::Instant;

const TOO_MANY: &str = "ERR_TOO_MANY_CONNECTIONS";

async fn refused(mut client: Raw) {
    client.expect_error(JSON, TOO_MANY).await;
    client.expect_closed().await;
}

#[tokio::test]
async fn connections_of_one_address() {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = start(echo().limits(|limits| limits.connections_per_address = 3)).await;
    let handle = server.handle();
    let mut inside = Vec::new();
    for _ in 0..3 {
        let mut client = Raw::connect(&server).await;
        client.ask(r#"{"a": 1}"#).await;
        inside.push(client);
    }
    for _ in 0..5 {
        refused(Raw::connect(&server).await).await;
    }
    // Another address is not to blame.
    let mut elsewhere = Raw::over(handle.connect_from("10.0.0.1".parse().unwrap()).unwrap());
    assert_eq!(elsewhere.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    for client in &mut inside {
        assert_eq!(client.ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    }
    assert_eq!((handle.stats().accepted, handle.stats().refused), (4, 5));
    drop((inside, elsewhere));
    at_rest(&handle).await;
    assert_eq!(Raw::connect(&server).await.ask(r#"{"a": 3}"#).await, json!({"a": 3}));
    at_rest(&handle).await;
    drop(server);
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn connections_in_all() {
    let server = start(echo().limits(|limits| limits.connections = 2)).await;
    let handle = server.handle();
    let from = |address: &str| Raw::over(handle.connect_from(address.parse().unwrap()).unwrap());
    let mut one = from("10.0.0.1");
    let mut two = from("10.0.0.2");
    one.ask(r#"{"a": 1}"#).await;
    two.ask(r#"{"a": 1}"#).await;
    refused(from("10.0.0.3")).await;
    refused(Raw::connect(&server).await).await;
    drop(one);
    eventually("a place is free", || handle.stats().connections == 1).await;
    assert_eq!(from("10.0.0.3").ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    drop(two);
    at_rest(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn new_connections_a_second() {
    let builder = echo().limits(|limits| limits.new_connections_per_address = 10);
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let handle = server.handle();
    for _ in 0..10 {
        // Each is gone before the next comes: it is the rate alone that counts.
        Raw::in_memory(&server).ask(r#"{"a": 1}"#).await;
    }
    refused(Raw::in_memory(&server)).await;
    tokio::time::advance(Duration::from_millis(250)).await;
    for _ in 0..2 {
        Raw::in_memory(&server).ask(r#"{"a": 1}"#).await;
    }
    refused(Raw::in_memory(&server)).await;
    at_rest(&handle).await;
}

#[tokio::test]
async fn a_flood_of_refusals_costs_no_crowd_of_tasks() {
    let server = start(echo().limits(|limits| limits.connections_per_address = 1)).await;
    let handle = server.handle();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut inside = Raw::connect(&server).await;
    inside.ask(r#"{"a": 1}"#).await;
    let mut crowd = Vec::new();
    for _ in 0..500 {
        crowd.push(Raw::connect(&server).await);
        let metrics = tokio::runtime::Handle::current().metrics();
        assert!(metrics.num_alive_tasks() < tasks + 100, "{}", metrics.num_alive_tasks());
    }
    eventually("all are refused", || handle.stats().refused == 500).await;
    assert_eq!(handle.stats().connections, 1);
    assert_eq!(inside.ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    drop((crowd, inside));
    at_rest(&handle).await;
    settled_tasks(tasks).await;
}

#[handler]
async fn waits(State(gate): State<Arc<Semaphore>>, packet: Packet) -> Packet {
    if packet.contains("wait") {
        gate.acquire().await.unwrap().forget();
    }
    packet
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight() {
    let gate = Arc::new(Semaphore::new(0));
    let builder =
        Server::builder().register(waits).state(gate.clone()).limits(|limits| limits.calls_in_flight = 2);
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let handle = server.handle();
    let mut busy = [Raw::in_memory(&server), Raw::in_memory(&server)];
    for client in &mut busy {
        client.json(r#"{"wait": 1}"#).await;
    }
    eventually("two calls", || handle.stats().calls == 2).await;
    let mut third = Raw::in_memory(&server);
    for _ in 0..3 {
        let began = Instant::now();
        third.json(r#"{"a": 1}"#).await;
        third.expect_error(JSON, "ERR_OVERLOADED").await;
        let waited = began.elapsed().as_millis();
        assert!((100..120).contains(&waited), "{waited} ms");
    }
    // One that gets its turn in time is not refused.
    third.json(r#"{"b": 1}"#).await;
    tokio::time::advance(Duration::from_millis(50)).await;
    gate.add_permits(1);
    assert_eq!(third.value().await, json!({"b": 1}));
    gate.add_permits(1);
    for client in &mut busy {
        assert_eq!(client.value().await, json!({"wait": 1}));
    }
    eventually("no calls", || handle.stats().calls == 0).await;
    drop((busy, third));
    at_rest(&handle).await;
}
