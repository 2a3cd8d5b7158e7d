//! Compressed payloads over real connections: agreed on, capped, and counted like any others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::processor::{Compression, Pipeline};
use asyncapy::rpc::{Peer, Status};
use asyncapy::security::{SealKey, SealKeys};
use asyncapy::server::{Builder, Running};
use asyncapy::wire::v3::{Flags, OpenHeader};
use asyncapy::wire::{Encoding, Framing, encode};
use asyncapy_tests::{BytesMut, Tap, eventually, in_time, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

#[derive(Clone, Default)]
struct Progress {
    made: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

#[rpc]
async fn echo(text: String) -> String {
    text
}

/// Items of 1,024 bytes each, as ZiProto writes them: 64 of them use up both windows of a stream at once.
fn line() -> String {
    "x".repeat(1021)
}

#[rpc]
async fn lines(State(progress): State<Progress>, count: usize) -> Streaming<impl Stream<Item = String>> {
    Streaming::iter((0..count).map(move |_| {
        progress.made.fetch_add(1, Ordering::Relaxed);
        line()
    }))
}

#[rpc]
async fn gather(State(progress): State<Progress>, mut channel: Channel<String>) -> Result<usize, Status> {
    progress.go.notified().await;
    let mut total = 0;
    while let Some(line) = channel.recv().await? {
        total += line.len();
    }
    Ok(total)
}

fn builder(progress: &Progress) -> Builder {
    Server::builder().register(echo).register(lines).register(gather).state(progress.clone())
}

async fn tcp(server: &Running) -> TcpStream {
    in_time("connect", TcpStream::connect(server.local_addr().unwrap())).await.unwrap()
}

#[tokio::test]
async fn what_both_sides_can_read_compressed_is_shorter_on_the_line() {
    let text = "the quick brown fox ".repeat(1_000);
    for (ours, theirs) in [(true, true), (true, false), (false, true)] {
        let builder = builder(&Progress::default());
        let server = start(if theirs { builder.compress(3) } else { builder }).await;
        let tap = Tap::on(&server, None).await;
        let peer = if ours { Peer::builder().compress(3) } else { Peer::builder() };
        let peer = peer.over(tap.connect().await).unwrap();
        // The first call may go before the server has said what it reads.
        assert_eq!(echo::call(&peer, "short".to_owned()).await.unwrap(), "short");
        let before = (tap.sent().len(), tap.received().len());
        assert_eq!(echo::call(&peer, text.clone()).await.unwrap(), text);
        let (sent, received) = (tap.sent().len() - before.0, tap.received().len() - before.1);
        if ours && theirs {
            assert!(sent < 1_000 && received < 1_000, "{sent} and {received} bytes");
        } else {
            assert!(
                sent > text.len() && received > text.len(),
                "{ours} {theirs}: {sent} and {received} bytes"
            );
        }
    }
}

/// A server and a peer that compress and seal.
async fn both(progress: &Progress) -> (Running, Peer) {
    let key = SealKey::generate("wood-1").unwrap();
    let builder = builder(progress).compress(3).sealed(SealKeys::new([key.clone()]).unwrap());
    let server = start(builder).await;
    let peer = Peer::builder().compress(3).sealed(key).over(tcp(&server).await).unwrap();
    (server, peer)
}

#[tokio::test]
async fn both_sides_count_payloads_as_they_were_before() {
    let progress = Progress::default();
    let (_server, peer) = both(&progress).await;
    let mut items = lines::call(&peer, 1_000).await.unwrap();
    eventually("the window is used up", || progress.made.load(Ordering::Relaxed) >= 64).await;
    // One more may be made and wait for credit; nothing is sent without.
    let mut count = 0;
    while let Some(item) = items.next().await {
        assert_eq!(item.unwrap().len(), 1021);
        // The window grows to 256 KiB, which are as many items: one more is taken, and one is made that waits.
        assert!(progress.made.load(Ordering::Relaxed) <= count + 256 + 2);
        count += 1;
    }
    assert_eq!(count, 1_000);
}

#[tokio::test]
async fn what_a_client_sends_is_counted_in_the_same_way() {
    let progress = Progress::default();
    let (_server, peer) = both(&progress).await;
    let channel = gather::call(&peer).await.unwrap();
    for _ in 0..64 {
        in_time("within the window", channel.send(line())).await.unwrap();
    }
    let one_more = tokio::time::timeout(Duration::from_millis(50), channel.send(line())).await;
    assert!(one_more.is_err(), "the window is used up");
    progress.go.notify_one();
    for _ in 0..936 {
        in_time("credit", channel.send(line())).await.unwrap();
    }
    channel.finish();
    assert_eq!(channel.result::<usize>().await.unwrap(), 1_000 * 1021);
}

/// An OPEN of `echo` with so many equal letters, compressed whether that was agreed on or not.
fn bomb(letters: usize) -> BytesMut {
    let framing = Framing::default().with_max_packet_size(u32::MAX);
    let open = OpenHeader {
        stream: 1,
        encoding: Some(Encoding::ZiProto),
        flags: Flags::END,
        name: Some("echo"),
        ..OpenHeader::default()
    };
    let mut out = BytesMut::new();
    let text = "x".repeat(letters);
    framing.encode_open(&mut out, &open, |out| encode(&(text,), Encoding::ZiProto, out)).unwrap();
    let (mut outbound, _) = Pipeline::new().compressed(Compression::default()).connect(0);
    outbound.peer_decompresses();
    outbound.outbound(&framing, &mut out, 0).unwrap();
    out
}

async fn answer(server: &Running, bytes: &[u8]) -> String {
    let mut stream = tcp(server).await;
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = in_time("the end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_bomb_costs_its_sender_the_connection() {
    let server = start(builder(&Progress::default()).compress(3)).await;
    let small = bomb(100_000);
    assert!(small.len() < 1_000);
    assert!(answer(&server, &small).await.contains(&"x".repeat(100_000)));
    let large = bomb(64 << 20);
    assert!(large.len() < 16 * 1024, "{} bytes", large.len());
    let told = answer(&server, &large).await;
    assert!(told.contains("ERR_PACKET_TOO_LARGE"), "{told}");
    // Who has not said that it reads this is not asked to.
    let server = start(builder(&Progress::default())).await;
    let told = answer(&server, &small).await;
    assert!(told.contains("ERR_HEADER_INVALID"), "{told}");
}

#[test]
fn a_level_that_is_none_is_told() {
    let error = builder(&Progress::default()).compress(20).build().unwrap_err().to_string();
    assert!(error.contains("a level of compression is from 1 to 19, not 20"), "{error}");
}
