//! The exchanges of `vectors/asyncaproto-v3.json` against a server that has their functions.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};
use asyncapy::server::{Builder, Running};
use asyncapy::wire::v3::{Fields, FrameKind};
use asyncapy::wire::{ByteOrder, Encoding, Framing, HeaderSize, decode_value};
use asyncapy_tests::{in_time, start};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[rpc(group = "math")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(0..to)
}

#[rpc]
async fn total(mut channel: Channel<i64>) -> Result<i64, Status> {
    let mut sum = 0;
    while let Some(number) = channel.recv().await? {
        sum += number;
    }
    Ok(sum)
}

#[rpc(name = "echo")]
async fn echo_items(mut channel: Channel<Value, Value>) -> Result<(), Status> {
    while let Some(item) = channel.recv().await? {
        channel.send(item).await?;
    }
    Ok(())
}

#[derive(Debug, Failure)]
enum Refusal {
    BadPin,
}

#[rpc]
async fn refuse() -> Result<(), Refusal> {
    Err(Refusal::BadPin)
}

#[rpc]
async fn wait() {
    pending::<()>().await;
}

#[rpc]
async fn deaf(channel: Channel<i64>) {
    pending::<()>().await;
    drop(channel);
}

/// A server that has the functions of the vectors.
pub(crate) fn functions() -> Builder {
    let builder = Server::builder().register(add).register(count).register(total).register(echo_items);
    builder.register(refuse).register(wait).register(deaf)
}

#[derive(serde::Deserialize)]
struct File {
    exchanges: Vec<Exchange>,
    refusals: Vec<Refused>,
}

#[derive(serde::Deserialize)]
struct Refused {
    id: String,
    header_size: usize,
    byteorder: String,
    hex: String,
    error: String,
    message: Option<String>,
    refused: bool,
}

#[derive(serde::Deserialize)]
struct Exchange {
    id: String,
    header_size: usize,
    byteorder: String,
    send: Vec<String>,
    expect: Vec<String>,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    Open,
    Closed,
    Either,
}

fn vectors() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/asyncaproto-v3.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What of a frame is compared.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    kind: FrameKind,
    stream: u32,
    flags: u8,
    fields: Fields,
    value: Value,
}

impl Said {
    /// Takes a frame off the front of `input`, if a whole one is there.
    fn take(framing: Framing, input: &mut Vec<u8>) -> Option<Self> {
        let frame = framing.decode_v3(input).unwrap().ok()?;
        let payload = &input[frame.payload.clone()];
        let decode = |encoding: Encoding| decode_value::<Value>(payload, encoding).unwrap();
        let value = match (frame.kind, frame.encoding) {
            (FrameKind::Hello, _) => Value::Null,
            (FrameKind::Error, Some(encoding)) => decode(encoding)["error"].clone(),
            (FrameKind::GoAway, Some(encoding)) => {
                let map = decode(encoding);
                serde_json::json!([map["last"], map["error"]])
            }
            (_, Some(encoding)) if !payload.is_empty() => {
                serde_json::json!([encoding.name(), decode(encoding)])
            }
            _ => payload.into(),
        };
        let said = Self {
            kind: frame.kind,
            stream: frame.stream,
            flags: frame.flags.0,
            fields: frame.fields,
            value,
        };
        input.drain(..frame.end);
        Some(said)
    }
}

/// A client that knows frames and nothing else.
struct Wire {
    io: TcpStream,
    framing: Framing,
    input: Vec<u8>,
}

impl Wire {
    async fn connect(server: &Running, framing: Framing) -> Self {
        let address = server.local_addr().unwrap();
        let io = in_time("connect", TcpStream::connect(address)).await.unwrap();
        Self { io, framing, input: Vec::new() }
    }

    /// The next frame that is no CREDIT; `None` at the end.
    async fn next(&mut self) -> Option<Said> {
        loop {
            match Said::take(self.framing, &mut self.input) {
                Some(said) if said.kind == FrameKind::Credit => {}
                Some(said) => return Some(said),
                // A reset is an end too: the server had unread bytes of ours.
                None => match in_time("a frame", self.io.read_buf(&mut self.input)).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                },
            }
        }
    }
}

fn by_stream(all: &[Said]) -> BTreeMap<u32, Vec<Said>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for said in all {
        streams.entry(said.stream).or_default().push(said.clone());
    }
    streams
}

async fn exchange(vector: Exchange) {
    let header = HeaderSize::try_from(vector.header_size).unwrap();
    let order: ByteOrder = vector.byteorder.parse().unwrap();
    let framing = Framing::new(header, order, 1 << 20);
    let server = start(functions().header_size(vector.header_size).byte_order(order)).await;
    let mut wire = Wire::connect(&server, framing).await;
    // A server that has had enough closes, and then the rest cannot be written.
    let written = wire.io.write_all(&bytes(&vector.send.concat())).await;
    assert!(written.is_ok() || vector.then == Then::Closed);

    let mut expected = Vec::new();
    for hex in &vector.expect {
        expected.push(Said::take(framing, &mut bytes(hex)).unwrap());
    }
    if vector.then == Then::Closed {
        let mut found = Vec::new();
        while let Some(said) = wire.next().await {
            found.push(said);
        }
        assert_eq!(found.last(), expected.last(), "{found:#?}");
        let mut rest = found.iter();
        assert!(expected.iter().all(|said| rest.any(|found| found == said)), "{found:#?}");
        return;
    }
    let mut found = Vec::new();
    while found.len() < expected.len() {
        found.push(wire.next().await.unwrap_or_else(|| panic!("the connection ended after {found:#?}")));
    }
    assert_eq!(by_stream(&found), by_stream(&expected));
    if vector.then == Then::Open {
        // Nothing else has come before the answer to this.
        let mut ping = bytes::BytesMut::new();
        framing.encode_ping(&mut ping, *b"anyone??", false);
        wire.io.write_all(&ping).await.unwrap();
        let said = wire.next().await.expect("the connection is open");
        assert_eq!((said.kind, said.fields), (FrameKind::Ping, Fields::Ping(*b"anyone??")));
    }
}

#[tokio::test]
async fn every_exchange_is_as_the_vectors_say() {
    let mut all = JoinSet::new();
    for vector in vectors().exchanges {
        all.spawn(async move {
            let id = vector.id.clone();
            tokio::spawn(exchange(vector)).await.err().map(|_| id)
        });
    }
    let outcomes = all.join_all().await;
    assert!(outcomes.len() > 40);
    let failed: Vec<_> = outcomes.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{failed:?}");
}

/// A server that says what the vector says, in `parts`, whatever it is sent.
async fn says(vector: &Refused, parts: usize) {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let order: ByteOrder = vector.byteorder.parse().unwrap();
    let peer = Peer::builder().header_size(vector.header_size).byte_order(order).over(near).unwrap();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let peer = peer.clone();
            tokio::spawn(async move { peer.call::<()>("any", ()).await })
        })
        .collect();
    let said = bytes(&vector.hex);
    for part in said.chunks(said.len().div_ceil(parts)) {
        far.write_all(part).await.unwrap();
        // On a clock that jumps, this is as long as the reader has something to do.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut ends = Vec::new();
    for call in calls {
        ends.push(in_time("a call", call).await.unwrap().unwrap_err());
    }
    ends.push(peer.call::<()>("any", ()).await.unwrap_err());
    for end in ends {
        assert_eq!(end.code.as_str(), vector.error);
        if vector.refused {
            assert_eq!((&end.message, end.was_not_run()), (&vector.message, true));
        } else {
            assert!(end.message.is_some_and(|message| message.contains("no frame of this protocol")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_read_as_the_vectors_say() {
    let mut failed = Vec::new();
    for vector in vectors().refusals {
        let id = vector.id.clone();
        let said = tokio::spawn(async move {
            for parts in [1, 2, usize::MAX] {
                says(&vector, parts).await;
            }
        });
        failed.extend(said.await.err().map(|_| id));
    }
    assert!(failed.is_empty(), "{failed:?}");
}
