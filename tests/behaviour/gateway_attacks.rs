//! What somebody may send to a gateway who does not mean well: smuggled requests, floods of pings, fragments without an end,
//! readers that never read.

use std::net::SocketAddr;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::Status;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{Http, Message, WebSocket, eventually, in_time};

use crate::gateway_calls::{gateway, server};

/// Echoes.
#[rpc(group = "attack")]
async fn pipe(mut channel: Channel<String, String>) -> Result<(), Status> {
    while let Some(line) = channel.recv().await? {
        channel.send(line).await?;
    }
    Ok(())
}

/// Items of 1 KiB without an end.
#[rpc(group = "attack")]
async fn endless() -> Streaming<impl Stream<Item = String>> {
    Streaming::iter(std::iter::repeat_with(|| "x".repeat(1024)))
}

/// The same into a channel.
#[rpc(group = "attack")]
async fn flood(channel: Channel<String, String>) -> Result<(), Status> {
    while channel.send("x".repeat(1024)).await.is_ok() {}
    Ok(())
}

fn attacked() -> Builder {
    server().linked_in(module_path!())
}

async fn at_rest(server: &Running) {
    eventually("nothing is left", || {
        let stats = server.handle().stats();
        (stats.connections, stats.sessions, stats.calls) == (0, 0, 0)
    })
    .await;
}

/// The statuses of all responses to these bytes, until the server closes or has nothing more to say.
async fn answers(address: SocketAddr, request: &str) -> Vec<u16> {
    let mut http = Http::connect(address).await;
    http.write_anyway(request.as_bytes()).await;
    // It is the last that the server will answer.
    http.write_anyway(b"POST /alone HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await;
    let mut all = Vec::new();
    while http.fill_or_end().await {}
    while http.has_more() {
        all.push(http.response().await.status);
    }
    all
}

#[tokio::test]
async fn one_request_is_not_two() {
    let (server, address) = gateway(attacked(), |gateway| gateway).await;
    let head = "POST /gate/add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let chunked = "5\r\n[1,2]\r\n0\r\n\r\n";
    let smuggled = "POST /gate/hidden HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    for (request, expected) in [
        // Two lengths: the body ends by the chunks, and nothing more is read after it.
        (format!("{head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"), vec![200]),
        (
            format!("{head}content-length: 99\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
            vec![400],
        ),
        (format!("{head}content-length: 5\r\ncontent-length: 50\r\n\r\n[1,2]"), vec![400]),
        (format!("{head}content-length: +5\r\n\r\n[1,2]"), vec![400]),
        (format!("{head}content-length: 99999999999999999999\r\n\r\n[1,2]"), vec![400]),
        (format!("{head}transfer-encoding: identity\r\n\r\n[1,2]"), vec![400]),
        (format!("{head}transfer-encoding: chunked, gzip\r\n\r\n{chunked}"), vec![400]),
        (format!("{head}content-length : 5\r\n\r\n[1,2]"), vec![400]),
        (format!("{head}x-a: b\r\n c\r\ncontent-length: 5\r\n\r\n[1,2]"), vec![400]),
        (format!("{head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"), vec![400]),
        // Whose request it is must be said once.
        (format!("{head}host: y\r\ncontent-length: 5\r\n\r\n[1,2]"), vec![400, 200]),
        (
            format!("{head}origin: http://x\r\norigin: http://y\r\ncontent-length: 5\r\n\r\n[1,2]"),
            vec![400, 200],
        ),
        // And one that is sound, with the one after it.
        (format!("{head}content-length: 5\r\n\r\n[1,2]"), vec![200, 200]),
    ] {
        assert_eq!(answers(address, &request).await, expected, "{request:?}");
    }
    at_rest(&server).await;
}

#[tokio::test]
async fn only_json_is_read() {
    let (_server, address) = gateway(attacked(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    // All that a page of another origin can send without asking first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", ""] {
        let header = format!("content-type: {kind}\r\n");
        http.ask("POST", "/gate/add", &header, b"[1, 2]").await.expect_error(415, "ERR_REQUEST_MALFORMED");
    }
    let deep = "[".repeat(100_000);
    http.call("/gate/add", &deep).await.expect_error(400, "ERR_PAYLOAD_TOO_COMPLEX");
    http.call("/gate/add", r#"{"a": 1, "a": 2, "b": 3}"#).await.expect_error(400, "ERR_FIELD_DUPLICATE");
    http.call("/gate/add", "[NaN, 1]").await.expect_error(400, "ERR_REQUEST_MALFORMED");
}

#[tokio::test]
async fn who_sends_too_much_reads_why() {
    let (server, address) = gateway(attacked(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let head = "POST /gate/add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 3000000\r\n\r\n";
    http.write(head.as_bytes()).await;
    // It is answered at the head, and closed; what comes after it must not reset the connection before the answer is read.
    for _ in 0..30 {
        http.write(&[b' '; 100_000]).await;
    }
    http.response().await.expect_error(413, "ERR_PACKET_TOO_LARGE");
    http.expect_closed().await;
    drop(http);
    at_rest(&server).await;
}

#[tokio::test]
async fn who_does_not_read_is_closed() {
    let impatient =
        |builder: Builder| builder.limits(|limits| limits.write_stall = Duration::from_millis(100));
    let (server, address) = gateway(impatient(attacked()), |gateway| gateway).await;
    let mut events = Http::connect(address).await;
    events.send("POST", "/attack/endless", "accept: text/event-stream\r\n", b"").await;
    let mut lines = Http::connect(address).await;
    lines.send("POST", "/attack/endless", "", b"").await;
    let channel = WebSocket::open(address, "/attack/flood", "").await.unwrap();
    eventually("all three are closed", || server.handle().stats().sessions == 0).await;
    at_rest(&server).await;
    drop((events, lines, channel));
}

/// Sends frames until the server has had enough; the code that it closes with.
async fn until_closed(mut socket: WebSocket, frame: &[u8]) -> Option<u16> {
    let many = frame.repeat(2_000);
    socket.write_anyway(&many).await;
    loop {
        match socket.next().await {
            Some(Message::Close(code)) => return Some(code),
            Some(Message::Text(text)) => assert!(text.contains("ERR_TOO_MANY_FRAMES"), "{text}"),
            Some(other) => panic!("{other:?}"),
            None => return None,
        }
    }
}

/// Masked, as a client's frames are.
const PING: &[u8] = &[0x89, 0x80, 0, 0, 0, 0];
const PONG: &[u8] = &[0x8a, 0x80, 0, 0, 0, 0];
/// A binary message.
const NOTHING: &[u8] = &[0x82, 0x80, 0, 0, 0, 0];

#[tokio::test]
async fn pings_have_a_budget() {
    let (server, address) = gateway(attacked(), |gateway| gateway).await;
    for frame in [PING, PONG] {
        let channel = WebSocket::open(address, "/attack/pipe", "").await.unwrap();
        assert_eq!(until_closed(channel, frame).await, Some(4429));
    }
    for frame in [PING, PONG, NOTHING] {
        let protocol = WebSocket::open(address, "/asyncaproto", "").await.unwrap();
        until_closed(protocol, frame).await;
    }
    // A few are answered, and disturb nothing.
    let mut socket = WebSocket::open(address, "/attack/pipe", "").await.unwrap();
    for _ in 0..50 {
        socket.frame(0x89, b"are you there").await;
    }
    socket.text("\"a\"").await;
    assert_eq!(socket.next().await, Some(Message::Text("\"a\"".to_owned())));
    drop(socket);
    at_rest(&server).await;
}

#[tokio::test]
async fn fragments_are_one_message_and_no_longer_than_one() {
    let (server, address) = gateway(attacked().max_packet_size(4096), |gateway| gateway).await;
    let mut socket = WebSocket::open(address, "/attack/pipe", "").await.unwrap();
    // A ping may stand between them.
    socket.frame(0x01, b"\"a").await;
    socket.frame(0x89, b"").await;
    for _ in 0..100 {
        socket.frame(0x00, b"").await;
    }
    socket.frame(0x80, b"b\"").await;
    assert_eq!(socket.next().await, Some(Message::Text("\"ab\"".to_owned())));
    socket.frame(0x01, b"\"").await;
    let mut fragment = vec![0x00, 0x80 | 100, 0, 0, 0, 0];
    fragment.extend([b'x'; 100]);
    socket.write_anyway(&fragment.repeat(100)).await;
    assert!(matches!(socket.next().await, None | Some(Message::Close(_))));
    for wrong in [
        &[0x81, 1, b'1'][..],                                                      // not masked
        &[0xc1, 0x81, 0, 0, 0, 0, b'1'],                                           // a reserved bit
        &[0x83, 0x80, 0, 0, 0, 0],                                                 // a reserved opcode
        &[0x09, 0x80, 0, 0, 0, 0],                                                 // a ping in fragments
        &[0x80, 0x80, 0, 0, 0, 0],                                                 // goes on with nothing
        &[0x81, 0x81, 0, 0, 0, 0, 0xff],                                           // no UTF-8
        &[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], // 2^64 - 1 bytes
    ] {
        let mut socket = WebSocket::open(address, "/attack/pipe", "").await.unwrap();
        socket.write_anyway(wrong).await;
        assert!(matches!(socket.next().await, None | Some(Message::Close(_))), "{wrong:?}");
    }
    drop(socket);
    at_rest(&server).await;
}

#[tokio::test]
async fn a_stop_cuts_whoever_does_not_end() {
    let short = attacked().limits(|limits| limits.shutdown_deadline = Duration::from_millis(50));
    let (server, address) = gateway(short, |gateway| gateway).await;
    let handle = server.handle();
    // Three that do not read, and that do not close when they are told to.
    let mut events = Http::connect(address).await;
    events.send("POST", "/attack/endless", "accept: text/event-stream\r\n", b"").await;
    let flood = WebSocket::open(address, "/attack/flood", "").await.unwrap();
    let protocol = WebSocket::open(address, "/asyncaproto", "").await.unwrap();
    eventually("all are there", || handle.stats().sessions == 3).await;
    let report = in_time("the stop", server.shutdown()).await.unwrap();
    assert_eq!(handle.stats().connections, 0, "{report:?}");
    // The protocol's session closes by itself; whether its client answers the close is not waited for.
    assert!(report.cut >= 2 && report.drained + report.cut == 3, "{report:?}");
    drop((events, flood, protocol));
}
