//! Channels over WebSockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::prelude::*;
use asyncapy::rpc::Status;
use asyncapy::server::Builder;
use asyncapy_tests::{Http, Message, WebSocket, eventually};
use bytes::Bytes;
use serde_json::json;

use crate::gateway_calls::gateway;

#[derive(Clone, Default)]
struct Open(Arc<AtomicU64>);

struct Inside(Open);

impl Open {
    fn enter(&self) -> Inside {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(self.clone())
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[rpc(group = "sock")]
async fn shout(
    State(open): State<Open>,
    prefix: Option<String>,
    mut channel: Channel<String, String>,
) -> Result<(), Status> {
    let _inside = open.enter();
    while let Some(line) = channel.recv().await? {
        channel.send(format!("{}{}", prefix.as_deref().unwrap_or_default(), line.to_uppercase())).await?;
    }
    Ok(())
}

#[rpc(group = "sock")]
async fn total(mut channel: Channel<u64>) -> Result<u64, Status> {
    let mut total = 0;
    while let Some(number) = channel.recv().await? {
        total += number;
    }
    Ok(total)
}

#[rpc(group = "sock")]
async fn mirror(mut channel: Channel<Bytes, Bytes>) -> Result<(), Status> {
    while let Some(bytes) = channel.recv().await? {
        channel.send(bytes).await?;
    }
    Ok(())
}

#[rpc(group = "sock")]
async fn strict(channel: Channel<u64, u64>) -> Result<(), Status> {
    channel.send(1).await?;
    Err(Status::new(Code::custom("ERR_ENOUGH")).message("that will do"))
}

/// Takes all items, and does not end.
#[rpc(group = "sock")]
async fn linger(mut channel: Channel<u64>) -> Result<(), Status> {
    while channel.recv().await?.is_some() {}
    std::future::pending().await
}

fn server() -> (Builder, Open) {
    let open = Open::default();
    (Server::builder().linked_in(module_path!()).state(open.clone()), open)
}

#[tokio::test]
async fn items_go_both_ways() {
    let (builder, _) = server();
    let (_server, address) = gateway(builder, |gateway| gateway).await;
    let path = "/sock/shout?arguments=%7B%22prefix%22:%22+%3E%22%7D";
    let mut socket = WebSocket::open(address, path, "").await.unwrap();
    socket.text("\"hello\"").await;
    assert_eq!(socket.json().await, " >HELLO");
    socket.text("\"you\"").await;
    assert_eq!(socket.json().await, " >YOU");
    socket.text("").await;
    assert_eq!(socket.json().await, json!({"result": null}));
    assert_eq!(socket.next().await, Some(Message::Close(1000)));
}

#[tokio::test]
async fn the_result_is_the_last_message() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/sock/total", "").await.unwrap();
    for number in 1..=1000 {
        socket.text(&number.to_string()).await;
    }
    socket.text("").await;
    assert_eq!(socket.json().await, json!({"result": 500_500}));
    assert_eq!(socket.next().await, Some(Message::Close(1000)));
}

#[tokio::test]
async fn bytes_are_binary_messages() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/sock/mirror", "").await.unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    socket.binary(&bytes).await;
    assert_eq!(socket.next().await, Some(Message::Binary(bytes)));
}

#[tokio::test]
async fn errors_come_with_a_code() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/sock/strict", "").await.unwrap();
    assert_eq!(socket.json().await, 1);
    assert_eq!(socket.json().await["error"], "ERR_ENOUGH");
    assert_eq!(socket.next().await, Some(Message::Close(4422)));

    let mut socket = WebSocket::open(address, "/sock/total", "").await.unwrap();
    socket.text("\"no number\"").await;
    let error = socket.json().await;
    assert_eq!(error["error"], "ERR_REQUEST_MALFORMED", "{error}");
    assert_eq!(socket.next().await, Some(Message::Close(4400)));

    let mut socket = WebSocket::open(address, "/sock/shout?arguments=%5B1%5D", "").await.unwrap();
    let error = socket.json().await;
    assert_eq!(error["error"], "ERR_FIELD_INVALID", "{error}");
    assert_eq!(error["field"], "prefix");

    let mut socket = WebSocket::open(address, "/sock/total", "").await.unwrap();
    socket.text("").await;
    assert_eq!(socket.json().await["result"], 0);

    let mut socket = WebSocket::open(address, "/sock/linger", "").await.unwrap();
    socket.text("").await;
    socket.text("1").await;
    let error = socket.json().await;
    assert_eq!(error["error"], "ERR_PROTOCOL_VIOLATION", "{error}");
    assert_eq!(socket.next().await, Some(Message::Close(4500)));
}

#[tokio::test]
async fn a_client_that_goes_cancels() {
    let (builder, open) = server();
    let (server, address) = gateway(builder, |gateway| gateway).await;
    for code in [None, Some(1001), Some(1000)] {
        let mut socket = WebSocket::open(address, "/sock/shout", "").await.unwrap();
        eventually("it runs", || open.count() == 1).await;
        if let Some(code) = code {
            socket.close(code).await;
        }
        drop(socket);
        eventually("it has ended", || open.count() == 0).await;
    }
    eventually("all is gone", || server.handle().stats().connections == 0).await;
}

#[tokio::test]
async fn only_a_websocket_opens_a_channel() {
    let (_server, address) = gateway(server().0, |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    http.call("/sock/total", "").await.expect_error(426, "ERR_REQUEST_MALFORMED");
    let refused = WebSocket::open(address, "/no/such", "").await.unwrap_err();
    refused.expect_error(404, "ERR_FUNCTION_UNKNOWN");
    let refused = WebSocket::open(address, "/sock/total?arguments=%7", "").await.unwrap_err();
    refused.expect_error(400, "ERR_REQUEST_MALFORMED");
    let refused = http.ask("GET", "/sock/total", "upgrade: websocket\r\nconnection: upgrade\r\n", b"").await;
    refused.expect_error(400, "ERR_REQUEST_MALFORMED");
}

#[tokio::test]
async fn a_message_has_a_limit() {
    let (builder, _) = server();
    let (_server, address) = gateway(builder.max_packet_size(1024), |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/sock/mirror", "").await.unwrap();
    socket.binary(&[7; 900]).await;
    assert_eq!(socket.next().await, Some(Message::Binary(vec![7; 900])));
    // One that fits into a message, but not into a packet with its header.
    socket.binary(&[7; 1020]).await;
    assert_eq!(socket.json().await["error"], "ERR_PACKET_TOO_LARGE");
    assert_eq!(socket.next().await, Some(Message::Close(4413)));
    let mut socket = WebSocket::open(address, "/sock/mirror", "").await.unwrap();
    socket.binary(&[7; 10_000]).await;
    assert!(matches!(socket.next().await, None | Some(Message::Close(_))));
}
