//! What a gateway does with requests that are too large, too slow or too many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{Http, eventually, in_time};
use tokio::sync::Notify;

use crate::gateway_calls::{gateway, server};

#[derive(Clone, Default)]
struct Gate(Arc<Notify>);

#[rpc(group = "limit")]
async fn wait(State(gate): State<Gate>) -> u32 {
    gate.0.notified().await;
    7
}

async fn limited(change: impl FnOnce(Builder) -> Builder) -> (Running, SocketAddr, Gate) {
    let gate = Gate::default();
    let builder = change(server().register(wait).state(gate.clone()));
    let (running, address) = gateway(builder, |gateway| gateway).await;
    (running, address, gate)
}

#[tokio::test]
async fn a_body_is_no_longer_than_a_packet() {
    let (_server, address, _) = limited(|builder| builder.max_packet_size(1000)).await;
    let mut http = Http::connect(address).await;
    let refused = http.call("/gate/add", &format!("[1, {}2]", " ".repeat(2000))).await;
    refused.expect_error(413, "ERR_PACKET_TOO_LARGE");
    assert_eq!(refused.header("connection"), Some("close"));
    http.expect_closed().await;
    // One that does not say how long it is.
    let mut http = Http::connect(address).await;
    let head = "POST /gate/add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    http.write(format!("{head}5dc\r\n{}\r\n", " ".repeat(1500)).as_bytes()).await;
    http.response().await.expect_error(413, "ERR_PACKET_TOO_LARGE");
    // One that fits alone, but not into a packet with its header.
    let mut http = Http::connect(address).await;
    let tight = format!("[1, {}2]", " ".repeat(990));
    http.call("/gate/add", &tight).await.expect_error(413, "ERR_PACKET_TOO_LARGE");
    assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3");
}

#[tokio::test]
async fn slow_requests_are_given_up() {
    let slow = |builder: Builder| {
        builder.limits(|limits| {
            limits.packet_timeout = Duration::from_millis(100);
            limits.packet_timeout_max = Duration::from_millis(200);
        })
    };
    let (server, address, _) = limited(slow).await;
    let mut head = Http::connect(address).await;
    head.write(b"POST /gate/add HTTP/1.1\r\nhost:").await;
    let mut body = Http::connect(address).await;
    let begun =
        "POST /gate/add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n[1";
    body.write(begun.as_bytes()).await;
    let mut idle = Http::connect(address).await;
    body.response().await.expect_error(408, "ERR_TIMED_OUT");
    body.expect_closed().await;
    // Whether it is told so or not: it is closed.
    while head.fill_or_end().await {}
    idle.expect_closed().await;
    eventually("no connection is left", || server.handle().stats().connections == 0).await;
}

#[tokio::test]
async fn heads_have_a_limit() {
    let (_server, address, _) = limited(|builder| builder).await;
    let mut http = Http::connect(address).await;
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    assert_eq!(http.ask("POST", "/alone", &many, b"").await.status, 431);
    let mut http = Http::connect(address).await;
    let long = format!("x-long: {}\r\n", "x".repeat(300_000));
    let request = format!("POST /alone HTTP/1.1\r\nhost: x\r\n{long}\r\n");
    http.write_anyway(request.as_bytes()).await;
    while http.fill_or_end().await {}
}

#[tokio::test]
async fn connections_are_the_servers() {
    let few = |builder: Builder| builder.limits(|limits| limits.connections_per_address = 2);
    let (server, address, _) = limited(few).await;
    let (mut one, mut two) = (Http::connect(address).await, Http::connect(address).await);
    assert_eq!(one.call("/gate/add", "[1, 2]").await.text(), "3");
    assert_eq!(two.call("/gate/add", "[1, 2]").await.text(), "3");
    assert_eq!(server.handle().stats().connections, 2);
    let mut three = Http::connect(address).await;
    let refused = three.response().await;
    refused.expect_error(429, "ERR_TOO_MANY_CONNECTIONS");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop((two, three));
    eventually("a place is free", || server.handle().stats().connections == 1).await;
    let mut three = Http::connect(address).await;
    assert_eq!(three.call("/gate/add", "[1, 2]").await.text(), "3");
}

#[tokio::test]
async fn new_connections_have_a_rate_but_requests_have_none() {
    let slow = |builder: Builder| builder.limits(|limits| limits.new_connections_per_address = 2);
    let (_server, address, _) = limited(slow).await;
    let mut http = Http::connect(address).await;
    for _ in 0..200 {
        assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3");
    }
}

#[tokio::test]
async fn too_many_calls_are_told_to_come_again() {
    let one = |builder: Builder| {
        builder.limits(|limits| {
            limits.calls_in_flight = 1;
            limits.call_queue_timeout = Duration::from_millis(20);
        })
    };
    let (server, address, gate) = limited(one).await;
    let mut waits = Http::connect(address).await;
    waits.send("POST", "/limit/wait", "", b"").await;
    eventually("the call runs", || server.handle().stats().calls == 1).await;
    let refused = Http::connect(address).await.call("/gate/add", "[1, 2]").await;
    refused.expect_error(503, "ERR_OVERLOADED");
    assert_eq!(refused.header("retry-after"), Some("1"));
    gate.0.notify_one();
    assert_eq!(waits.response().await.text(), "7");
}

#[tokio::test]
async fn a_stop_lets_requests_end() {
    let (server, address, gate) = limited(|builder| builder).await;
    let mut http = Http::connect(address).await;
    http.send("POST", "/limit/wait", "", b"").await;
    eventually("the call runs", || server.handle().stats().calls == 1).await;
    let handle = server.handle();
    let stopped = tokio::spawn(server.shutdown());
    eventually("the session closes", || handle.connect().is_err()).await;
    gate.0.notify_one();
    assert_eq!(http.response().await.text(), "7");
    http.expect_closed().await;
    let report = in_time("the stop", stopped).await.unwrap().unwrap();
    assert_eq!(report.cut, 0, "{report:?}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let short =
        |builder: Builder| builder.limits(|limits| limits.shutdown_deadline = Duration::from_millis(50));
    let (server, address, _gate) = limited(short).await;
    let mut http = Http::connect(address).await;
    http.send("POST", "/limit/wait", "", b"").await;
    eventually("the call runs", || server.handle().stats().calls == 1).await;
    in_time("the stop", server.shutdown()).await.unwrap();
    while http.fill_or_end().await {}
}
