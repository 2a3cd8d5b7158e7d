//! Edges: where two rules meet.

use std::sync::Arc;
use std::time::Duration;

use asyncapy::Server;
use asyncapy::handler::filter::Fields;
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, at_rest, echo, frame, in_time, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

/// Sends packets that have an `a` back by `client.send`.
fn sender() -> asyncapy::server::Builder {
    Server::builder()
        .register_fn(|client: Client, packet: Packet| async move { client.send(&packet).await })
        .filter(Fields::new().present("a"))
}

#[tokio::test]
async fn errors_stand_behind_what_was_sent_before_them() {
    let server = start(sender()).await;
    let mut client = Raw::connect(&server).await;
    // In one segment: the first is answered by `send`, the second by no handler, the third is no packet.
    let mut bytes = frame(JSON, br#"{"a": 1}"#);
    bytes.extend(frame(JSON, br#"{"b": 1}"#));
    bytes.extend(frame(JSON, br#"{"a": 2}"#));
    bytes.extend([0, 0, 0, 1]);
    client.write(&bytes).await;
    client.expect(JSON, br#"{"a": 1}"#).await;
    client.expect_error(JSON, "ERR_NO_HANDLER").await;
    client.expect(JSON, br#"{"a": 2}"#).await;
    client.expect_error(JSON, "ERR_REQUEST_MALFORMED").await;
    client.expect_closed().await;
}

#[tokio::test]
async fn an_old_packet_does_not_undo_a_stop() {
    let kept = Arc::new(std::sync::Mutex::new(None::<Packet>));
    let builder = Server::builder()
        .register_fn(move |packet: Packet| {
            packet.stop_propagation();
            if let Some(old) = kept.lock().unwrap().replace(packet) {
                old.stop_propagation();
            }
            async { json!({"from": "first"}) }
        })
        .register_fn(|| async { json!({"from": "second"}) })
        .group(1);
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    for n in 0..3 {
        assert_eq!(client.ask(&format!(r#"{{"n": {n}}}"#)).await["from"], "first");
    }
}

#[tokio::test]
async fn a_packet_of_the_greatest_size_is_echoed() {
    let server = start(echo().limits(|limits| limits.max_packet_size = 16 << 20)).await;
    let mut client = Raw::connect(&server).await;
    let payload = format!(r#"{{"a": "{}"}}"#, "x".repeat(12 << 20));
    for _ in 0..2 {
        client.json(&payload).await;
        let (_, reply) = client.frame().await.expect("the reply");
        assert!(reply == payload.as_bytes());
    }
}

#[tokio::test]
async fn no_limit_is_a_limit_too() {
    let builder = Server::builder()
        .register_fn(|packet: Packet| async move {
            tokio::task::yield_now().await;
            packet
        })
        .limits(|limits| {
            limits.timeout = Duration::MAX;
            limits.handler_timeout = Duration::MAX;
            limits.packet_timeout = Duration::MAX;
            limits.packet_timeout_max = Duration::MAX;
            limits.write_stall = Duration::MAX;
            limits.call_queue_timeout = Duration::MAX;
            limits.shutdown_deadline = Duration::MAX;
            limits.handshake_timeout = Duration::MAX;
            limits.calls_in_flight = usize::MAX;
            limits.connections = usize::MAX;
            limits.output_hard = usize::MAX;
        });
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    client.write(&[0, 0]).await;
    client.write(&frame(JSON, br#"{"a": 1}"#)[2..]).await;
    assert_eq!(client.value().await, json!({"a": 1}));
    assert_eq!(server.handle().stats().calls, 0);
    drop(client);
    at_rest(&server.handle()).await;
    in_time("the shutdown", server.shutdown()).await.unwrap();
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_given_up_costs_one_reply() {
    let builder = Server::builder().register_fn(|packet: Packet| async move {
        if packet.contains("wait") {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        }
        packet
    });
    let server = start(builder.handler_timeout(Duration::from_millis(50))).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"wait": 1}"#).await;
    client.expect_error(JSON, "ERR_HANDLER_TIMED_OUT").await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["n"], 1);
    assert_eq!(server.handle().stats().panics, 1);
    drop(client);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn a_server_that_is_gone_holds_nothing_of_its_handlers() {
    let held = Arc::new(());
    let inside = held.clone();
    let server = start(Server::builder().register_fn(move |packet: Packet| {
        let _inside = inside.clone();
        async move { packet }
    }))
    .await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"n": 1}"#).await;
    drop(client);
    server.shutdown().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_reply_reaches_a_reader_that_is_only_slow() {
    let length = 900_000;
    let builder = Server::builder().register_fn(move |client: Client| async move {
        client.send_and_close(json!({"a": "x".repeat(length)})).await
    });
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let mut stream = server.handle().connect().unwrap();
    stream.write_all(&frame(JSON, br#"{"n": 1}"#)).await.unwrap();
    let mut read = 0;
    let mut room = vec![0; 64 * 1024];
    loop {
        sleep(Duration::from_secs(3)).await;
        match stream.read(&mut room).await.unwrap() {
            0 => break,
            more => read += more,
        }
    }
    assert!(read > length, "{read} of {length}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_packet_begins_when_the_server_reads_again() {
    let length = 2 << 20;
    let builder = Server::builder().register_fn(move |packet: Packet| async move {
        if packet.contains("big") { json!({"a": "x".repeat(length)}) } else { json!({"a": 1}) }
    });
    let builder = builder.limits(|limits| limits.output_soft = 64 * 1024);
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let mut stream = server.handle().connect().unwrap();
    let next = frame(JSON, br#"{"n": 1}"#);
    stream.write_all(&frame(JSON, br#"{"big": 1}"#)).await.unwrap();
    // The half of a packet, which the server does not read while so much is unread.
    stream.write_all(&next[..9]).await.unwrap();
    let mut read = 0;
    let mut room = vec![0; 64 * 1024];
    while read < length {
        sleep(Duration::from_secs(3)).await;
        let more = stream.read(&mut room).await.unwrap();
        assert_ne!(more, 0, "the end after {read} bytes");
        read += more;
    }
    sleep(Duration::from_secs(1)).await;
    stream.write_all(&next[9..]).await.unwrap();
    let mut rest = Vec::new();
    let reply = frame(JSON, br#"{"a":1}"#);
    while !rest.ends_with(&reply) {
        assert_ne!(stream.read_buf(&mut rest).await.unwrap(), 0, "{:?}", String::from_utf8_lossy(&rest));
    }
}
