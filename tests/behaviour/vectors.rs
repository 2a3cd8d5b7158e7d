//! The exchanges of `vectors/asyncaproto-v2.json`, whole, against an echo server.

use std::time::Duration;

use asyncapy::Server;
use asyncapy::wire::ByteOrder;
use asyncapy_tests::{JSON, Raw, decode, hex, start};
use serde::Deserialize;
use tokio::task::JoinSet;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    header_size: usize,
    byteorder: ByteOrderName,
    handler: String,
    chunks: Vec<String>,
    client_half_close: bool,
    expect: Vec<String>,
    then: Then,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ByteOrderName {
    Big,
    Little,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    Open,
    Closed,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../vectors/asyncaproto-v2.json");
    serde_json::from_str::<File>(text).unwrap().vectors
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn the_file_is_whole() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 50);
    assert_eq!(vectors.iter().filter(|vector| matches!(vector.then, Then::Open)).count(), 27);
    let mut ids: Vec<_> = vectors.iter().map(|vector| &vector.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), vectors.len(), "each id once");
}

#[tokio::test]
async fn every_exchange_is_as_the_vectors_say() {
    let mut exchanges = JoinSet::new();
    for vector in vectors() {
        exchanges.spawn(async move {
            let id = vector.id.clone();
            let exchanged = tokio::spawn(exchange(vector)).await;
            assert!(exchanged.is_ok(), "{id}");
        });
    }
    let done = exchanges.join_all().await;
    assert_eq!(done.len(), 50);
}

async fn exchange(vector: Vector) {
    assert_eq!(vector.handler, "echo");
    let big = matches!(vector.byteorder, ByteOrderName::Big);
    let builder = Server::builder()
        .register_fn(|packet: asyncapy::Packet| async move { packet })
        .header_size(vector.header_size)
        .byte_order(if big { ByteOrder::Big } else { ByteOrder::Little })
        .timeout(Duration::from_secs(3));
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await.framed(vector.header_size, big);
    for chunk in &vector.chunks {
        client.write_anyway(&bytes(chunk)).await;
        // So that the server sees the segments one by one.
        tokio::task::yield_now().await;
    }
    if vector.client_half_close {
        client.half_close().await;
    }
    for expected in &vector.expect {
        let expected = &bytes(expected)[vector.header_size + 1..];
        let (encoding, payload) = (expected[0], &expected[1..]);
        let value = decode(encoding, payload);
        if value["status"] == "failure" {
            client.expect(encoding, payload).await;
        } else {
            let (found, reply) = client.frame().await.expect("a reply");
            assert_eq!((decode(found, &reply), found), (value, encoding), "{}", hex(&reply));
        }
    }
    match vector.then {
        Then::Closed => client.expect_closed().await,
        Then::Open => {
            // Open is what still answers, in the encoding that the session has.
            client.json(r#"{"still": "here"}"#).await;
            let (_, reply) = client.frame().await.expect("the connection is open");
            assert!(!reply.is_empty());
            assert_eq!(server.handle().stats().connections, 1);
        }
    }
}

#[test]
fn the_reader_of_this_file_reads_hexadecimal() {
    assert_eq!(bytes("00ff10"), [0, 255, 16]);
    assert_eq!(decode(JSON, br#"{"a": 1}"#)["a"], 1);
}
