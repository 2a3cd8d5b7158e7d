//! The protocol itself over a WebSocket, V2 and V3.

use asyncapy::prelude::*;
use asyncapy::server::Builder;
use asyncapy::wire::v3::{Flags, OpenHeader};
use asyncapy::wire::{EncodeError, Framing};
use asyncapy_tests::{BytesMut, JSON, Message, WebSocket, decode, error_text, eventually, frame};
use serde_json::json;

use crate::gateway_calls::{gateway, server};

/// Bytes, however they come in messages.
struct Bytes {
    socket: WebSocket,
    got: Vec<u8>,
}

impl Bytes {
    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.got.len() < count {
            match self.socket.next().await {
                Some(Message::Binary(bytes)) => self.got.extend(bytes),
                other => panic!("{other:?} instead of bytes"),
            }
        }
        self.got.drain(..count).collect()
    }

    /// The next frame after its length.
    async fn frame(&mut self) -> Vec<u8> {
        let length = u32::from_be_bytes(self.take(4).await.try_into().unwrap());
        self.take(length as usize).await
    }
}

fn echoes() -> Builder {
    server().register_fn(|packet: asyncapy::Packet| async move { packet })
}

#[tokio::test]
async fn packets_cross() {
    let (server, address) = gateway(echoes(), |gateway| gateway).await;
    let socket = WebSocket::open(address, "/asyncaproto", "").await.unwrap();
    let mut bytes = Bytes { socket, got: Vec::new() };
    let packet = frame(JSON, br#"{"hello":1}"#);
    // In pieces, and two at once: messages mean nothing.
    bytes.socket.binary(&packet[..3]).await;
    bytes.socket.binary(&[&packet[3..], &packet[..]].concat()).await;
    for _ in 0..2 {
        let reply = bytes.frame().await;
        assert_eq!((reply[0], reply[1]), (22, JSON));
        assert_eq!(decode(JSON, &reply[2..]), json!({"hello": 1}));
    }
    let large = json!({"text": "x".repeat(300_000)}).to_string();
    bytes.socket.binary(&frame(JSON, large.as_bytes())).await;
    assert_eq!(bytes.frame().await[2..], *large.as_bytes());
    // What is no packet is answered as everywhere.
    bytes.socket.binary(&[0, 0, 0, 5, 99, 0, b'{', b'}', b' ']).await;
    assert_eq!(bytes.frame().await[2..], error_text(JSON, "ERR_HEADER_INVALID"));
    assert!(matches!(bytes.socket.next().await, Some(Message::Close(_))));
    drop(bytes);
    eventually("the session is over", || server.handle().stats().connections == 0).await;
}

#[tokio::test]
async fn calls_cross() {
    let (_server, address) = gateway(echoes(), |gateway| gateway).await;
    let socket = WebSocket::open(address, "/asyncaproto", "").await.unwrap();
    let mut bytes = Bytes { socket, got: Vec::new() };
    let mut out = BytesMut::new();
    let open = OpenHeader {
        stream: 1,
        encoding: Some(Encoding::Json),
        flags: Flags::END,
        name: Some("gate.add"),
        ..OpenHeader::default()
    };
    Framing::default()
        .encode_open(&mut out, &open, |out| {
            out.extend_from_slice(b"[20,22]");
            Ok::<_, EncodeError>(())
        })
        .unwrap();
    bytes.socket.binary(&out).await;
    // Version, encoding, ITEM, END, stream, payload.
    assert_eq!(bytes.frame().await, b"\x17\x00\x03\x01\0\0\0\x0142");
}

#[tokio::test]
async fn text_is_no_protocol() {
    let (server, address) = gateway(echoes(), |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/asyncaproto", "").await.unwrap();
    socket.text("hello").await;
    while socket.next().await.is_some() {}
    drop(socket);
    eventually("the session is over", || server.handle().stats().connections == 0).await;
}

#[tokio::test]
async fn a_stop_closes_it() {
    let (server, address) = gateway(echoes(), |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/asyncaproto", "").await.unwrap();
    eventually("the session is there", || server.handle().stats().sessions == 1).await;
    let stopped = tokio::spawn(server.shutdown());
    while let Some(message) = socket.next().await {
        if matches!(message, Message::Close(_)) {
            socket.close(1000).await;
        }
    }
    assert_eq!(stopped.await.unwrap().unwrap().cut, 0);
}
