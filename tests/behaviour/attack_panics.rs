//! Attack: a packet that makes a handler panic, again and again.

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, at_rest, frame, settled_tasks, start};

#[handler]
async fn has_a_bug(packet: Packet) -> Packet {
    if packet.contains("later") {
        tokio::task::yield_now().await;
    }
    assert!(!packet.contains("bug"), "a bug");
    packet
}

/// Its reply panics after a part of it was written.
struct HalfWritten;

impl asyncapy::handler::IntoReply for HalfWritten {
    fn into_reply(self, reply: &mut asyncapy::handler::Reply<'_>) -> asyncapy::handler::Flow {
        reply.packet(&json!({"first": "whole"}));
        reply.packet(&PanicsInside);
        unreachable!()
    }
}

struct PanicsInside;

impl asyncapy::packet::EncodePacket for PanicsInside {
    fn encode_packet(
        &self,
        _: Encoding,
        out: &mut asyncapy_tests::BytesMut,
    ) -> std::result::Result<(), asyncapy::wire::EncodeError> {
        out.extend_from_slice(b"{\"half\": ");
        panic!("in the middle of a reply");
    }
}

#[handler(fields(half), order = -1)]
async fn half() -> HalfWritten {
    HalfWritten
}

#[tokio::test]
async fn a_thousand_panics_cost_a_thousand_replies() {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = start(Server::builder().register(has_a_bug)).await;
    let handle = server.handle();
    let mut client = Raw::connect(&server).await;
    for at in 0..10 {
        let packet = if at % 2 == 0 { r#"{"bug": 1}"# } else { r#"{"bug": 1, "later": 1}"# };
        client.write(&frame(JSON, packet.as_bytes()).repeat(100)).await;
        for _ in 0..100 {
            client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
        }
        // The session stays, and so do others.
        assert_eq!(client.ask(r#"{"well": 1}"#).await, json!({"well": 1}));
        assert_eq!(Raw::connect(&server).await.ask(r#"{"well": 2}"#).await, json!({"well": 2}));
    }
    let stats = handle.stats();
    assert_eq!((stats.panics, stats.calls), (1_000, 0));
    drop(client);
    at_rest(&handle).await;
    drop(server);
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn half_a_reply_is_taken_back() {
    let server = start(Server::builder().register(half).register(has_a_bug)).await;
    let mut client = Raw::connect(&server).await;
    for _ in 0..3 {
        assert_eq!(client.ask(r#"{"half": 1}"#).await, json!({"first": "whole"}));
        client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
        assert_eq!(client.ask(r#"{"well": 1}"#).await, json!({"well": 1}));
    }
}
