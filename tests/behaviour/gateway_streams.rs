//! Streams over HTTP: events, lines, their ends, and clients that go or do not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::prelude::*;
use asyncapy::rpc::Status;
use asyncapy::server::Builder;
use asyncapy_tests::{Http, eventually};
use bytes::Bytes;

use crate::gateway_calls::gateway;

/// How many items were made, and how many streams are there.
#[derive(Clone, Default)]
struct Counts(Arc<(AtomicU64, AtomicU64)>);

impl Counts {
    fn made(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }

    fn alive(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }
}

struct Alive(Counts);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.1.fetch_sub(1, Ordering::Relaxed);
    }
}

#[rpc(group = "flow")]
async fn count(to: u64) -> Streaming<impl Stream<Item = u64>> {
    Streaming::iter(1..=to)
}

#[rpc(group = "flow")]
async fn broken() -> Streaming<impl Stream<Item = Result<u64, Status>>> {
    Streaming::iter([Ok(1), Err(Status::new(Code::custom("ERR_DRY")).message("no\nmore")), Ok(2)])
}

#[rpc(group = "flow")]
async fn refused() -> Streaming<impl Stream<Item = Result<u64, Status>>> {
    Streaming::iter([Err(Status::new(Code::Unauthorized))])
}

#[rpc(group = "flow")]
async fn raw() -> Streaming<impl Stream<Item = Bytes>> {
    Streaming::iter([Bytes::from_static(b"\xff\xfe")])
}

#[rpc(group = "flow")]
async fn text() -> Streaming<impl Stream<Item = String>> {
    Streaming::iter(["a\nb".to_owned()])
}

/// Items of 1 KiB without an end.
#[rpc(group = "flow")]
async fn endless(State(counts): State<Counts>) -> Streaming<impl Stream<Item = String>> {
    counts.0.1.fetch_add(1, Ordering::Relaxed);
    let alive = Alive(counts);
    Streaming::iter(std::iter::repeat_with(move || {
        alive.0.0.0.fetch_add(1, Ordering::Relaxed);
        "x".repeat(1024)
    }))
}

/// Nothing, for ever.
#[rpc(group = "flow")]
async fn silent(State(counts): State<Counts>) -> Streaming<impl Stream<Item = u64>> {
    counts.0.1.fetch_add(1, Ordering::Relaxed);
    let alive = Alive(counts);
    Streaming::produce(async move |_sink| {
        let _alive = alive;
        std::future::pending::<()>().await;
    })
}

/// A call that waits for ever.
#[rpc(group = "flow")]
async fn hang(State(counts): State<Counts>) {
    counts.0.1.fetch_add(1, Ordering::Relaxed);
    let _alive = Alive(counts);
    std::future::pending::<()>().await;
}

fn server() -> (Builder, Counts) {
    let counts = Counts::default();
    (Server::builder().linked_in(module_path!()).state(counts.clone()), counts)
}

const EVENTS: &str = "accept: text/event-stream\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn items_are_lines() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let lines = http.call("/flow/count", r#"{"to": 3}"#).await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!((lines.status, lines.text()), (200, "1\n2\n3\n"));
    assert_eq!(http.call("/flow/count", "[0]").await.text(), "");
    let broken = http.call("/flow/broken", "").await;
    assert_eq!(broken.text(), "1\n{\"error\":\"ERR_DRY\",\"message\":\"no\\nmore\"}\n");
    assert_eq!(http.call("/flow/raw", "").await.text(), "{\"bytes\":\"//4=\"}\n");
    let many = http.call("/flow/count", "[5000]").await;
    assert!(many.text().lines().map(|line| line.parse::<u64>().unwrap()).eq(1..=5000));
}

#[tokio::test]
async fn items_are_events() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let events = http.ask("POST", "/flow/count", EVENTS, br#"{"to": 2}"#).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(events.text(), "data: 1\n\ndata: 2\n\nevent: end\ndata: \n\n");
    let broken = http.ask("POST", "/flow/broken", EVENTS, b"").await;
    let error = r#"{"error":"ERR_DRY","message":"no\nmore"}"#;
    assert_eq!(broken.text(), format!("data: 1\n\nevent: error\ndata: {error}\n\n"));
    assert_eq!(
        http.ask("POST", "/flow/raw", EVENTS, b"").await.text(),
        "event: bytes\ndata: //4=\n\nevent: end\ndata: \n\n"
    );
    let text = http.ask("POST", "/flow/text", EVENTS, b"").await;
    assert!(text.text().starts_with("data: \"a\\nb\"\n\n"), "{}", text.text());
}

#[tokio::test]
async fn a_stream_that_is_refused_has_a_status() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    http.ask("POST", "/flow/count", EVENTS, b"{}").await.expect_error(400, "ERR_FIELD_MISSING");
    let refused = http.ask("POST", "/flow/refused", EVENTS, b"").await;
    refused.expect_error(401, "ERR_UNAUTHORIZED");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_client_that_goes_cancels() {
    let (builder, counts) = server();
    let (server, address) = gateway(builder, |gateway| gateway).await;
    for path in ["/flow/hang", "/flow/silent", "/flow/endless"] {
        let mut http = Http::connect(address).await;
        http.send("POST", path, EVENTS, b"").await;
        eventually("it runs", || counts.alive() == 1).await;
        drop(http);
        eventually("it is cancelled", || counts.alive() == 0).await;
    }
    eventually("all is gone", || server.handle().stats().connections == 0).await;
    assert_eq!(server.handle().stats().sessions, 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_slows_the_function() {
    let (builder, counts) = server();
    let (_server, address) = gateway(builder, |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    http.send("POST", "/flow/endless", EVENTS, b"").await;
    let head = http.head().await;
    assert_eq!(head.status, 200);
    // It makes no more once all room on the way is full: the sockets' buffers and some hundred items.
    let mut before = u64::MAX;
    eventually("the function waits", || {
        let now = counts.made();
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    assert!(counts.made() < 32 * 1024, "{} items of 1 KiB", counts.made());
    let stopped = counts.made();
    for _ in 0..200 {
        assert!(http.chunk().await.is_some());
    }
    eventually("it goes on", || counts.made() > stopped).await;
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_is_there() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    http.send("POST", "/flow/silent", EVENTS, b"").await;
    assert_eq!(http.head().await.status, 200, "the head does not wait for an item");
    tokio::time::pause();
    assert_eq!(http.chunk().await.as_deref(), Some(&b":\n\n"[..]));
}
