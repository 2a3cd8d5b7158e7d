//! Attack: whoever keeps no rule of protocol V3. It costs itself only: the server tells the rule, lets go of all that it
//! held, and serves others.

use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::server::{Handle, Running};
use asyncapy_tests::{Flags, JSON, Raw, Streams, at_rest, eventually, frame, in_time, start};
use tokio::time::Instant;

use crate::vectors_v3::functions;

const END: Flags = Flags::END;
const NONE: Flags = Flags::NONE;
const OPEN: u8 = 2;

#[rpc]
async fn large(bytes: usize) -> String {
    "x".repeat(bytes)
}

async fn server() -> Running {
    start(functions().register(large)).await
}

/// A fresh client is served, and then the server holds nothing any more.
async fn unharmed(server: &Running) {
    let mut fresh = Streams::connect(server).await;
    fresh.open(1, "math.add", "[1,2]", END);
    fresh.send().await;
    assert_eq!(fresh.next().await.as_deref(), Some("ITEM 1 3"));
    drop(fresh);
    at_rest(&server.handle()).await;
}

type Write = fn(&mut Streams);

/// What each attack is answered, to its end.
const ATTACKS: &[(&str, Write, &[&str])] = &[
    ("a number of the wrong parity", |it| it.open(2, "wait", "", END), &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"]),
    (
        "a number that was used",
        |it| {
            it.open(5, "math.add", "[1,2]", END);
            it.open(5, "math.add", "[1,2]", END);
        },
        &["ITEM 5 3", "GOAWAY 0 ERR_PROTOCOL_VIOLATION"],
    ),
    (
        "a number below the last",
        |it| {
            it.open(5, "math.add", "[1,2]", END);
            it.open(3, "math.add", "[1,2]", END);
        },
        &["ITEM 5 3", "GOAWAY 0 ERR_PROTOCOL_VIOLATION"],
    ),
    ("an item for nobody", |it| it.item(1, b"x", NONE), &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"]),
    (
        "an item for a stream of the server's",
        |it| it.item(2, b"x", END),
        &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"],
    ),
    ("a cancel for nobody", |it| it.cancel(9), &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"]),
    ("an error for nobody", |it| it.frame(0, 4, NONE, 9, b"{}"), &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"]),
    ("credit for nobody", |it| it.credit(9, 1, 1), &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"]),
    ("credit beyond reason", |it| it.credit(0, 0, u32::MAX), &["GOAWAY 0 ERR_FLOW_CONTROL"]),
    (
        "more items than were granted",
        |it| {
            it.open(1, "deaf", "", NONE);
            (0..65).for_each(|_| it.item(1, b"1", NONE));
        },
        &["GOAWAY 0 ERR_FLOW_CONTROL"],
    ),
    (
        "more bytes than were granted",
        |it| {
            it.open(1, "deaf", "", NONE);
            (0..3).for_each(|_| it.item(1, &[0; 40_000], NONE));
        },
        &["GOAWAY 0 ERR_FLOW_CONTROL"],
    ),
    (
        "more bytes than the connection was granted",
        |it| {
            for n in 0..9 {
                it.open(1 + 2 * n, "deaf", "", NONE);
                it.item(1 + 2 * n, &[0; 1_000_000], NONE);
            }
            it.open(19, "wait", "", END);
        },
        &["GOAWAY 0 ERR_FLOW_CONTROL"],
    ),
    (
        "two HELLOs",
        |it| {
            it.frame(0, 1, NONE, 0, b"{}");
            it.frame(0, 1, NONE, 0, b"{}");
        },
        &["HELLO", "GOAWAY 0 ERR_PROTOCOL_VIOLATION"],
    ),
    ("a HELLO that is no map", |it| it.frame(0, 1, NONE, 0, b"[1]"), &["GOAWAY 0 ERR_REQUEST_MALFORMED"]),
    ("a GOAWAY that is no map", |it| it.frame(0, 8, NONE, 0, b"[1]"), &["GOAWAY 0 ERR_REQUEST_MALFORMED"]),
    ("an encoding that is none", |it| it.frame(3, OPEN, END, 1, b"\0\0"), &["GOAWAY 0 ERR_HEADER_INVALID"]),
    ("a kind that is none", |it| it.frame(0, 9, NONE, 1, b""), &["GOAWAY 0 ERR_HEADER_INVALID"]),
    ("a flag that is none of its kind", |it| it.frame(0, 5, END, 1, b""), &["GOAWAY 0 ERR_HEADER_INVALID"]),
    ("an OPEN on stream 0", |it| it.frame(0, OPEN, END, 0, b"\0\0"), &["GOAWAY 0 ERR_PROTOCOL_VIOLATION"]),
    (
        "compressed, unasked",
        |it| it.frame(0, OPEN, END | Flags::COMPRESSED, 1, b"\0\0"),
        &["GOAWAY 0 ERR_HEADER_INVALID"],
    ),
    (
        "a packet between streams",
        |it| {
            it.open(1, "math.add", "[1,2]", END);
            it.out.extend_from_slice(&frame(JSON, br#"{"a": 1}"#));
        },
        &["ITEM 1 3", "GOAWAY 0 ERR_HEADER_INVALID"],
    ),
    (
        "a length that no frame has",
        |it| {
            it.open(1, "math.add", "[1,2]", END);
            it.out.extend_from_slice(&[0, 0, 0, 7, 23, 0, 5, 0, 0, 0, 1]);
        },
        &["ITEM 1 3", "GOAWAY 0 ERR_REQUEST_MALFORMED"],
    ),
    (
        "a length beyond the limit",
        |it| {
            it.open(1, "math.add", "[1,2]", END);
            it.out.extend_from_slice(&[0x7f, 0, 0, 0, 23, 0, 3, 0]);
        },
        &["ITEM 1 3", "GOAWAY 0 ERR_PACKET_TOO_LARGE"],
    ),
    (
        "a name longer than its frame",
        |it| it.frame(0, OPEN, END | Flags::NAME, 1, b"\0\0\xff_"),
        &["GOAWAY 0 ERR_REQUEST_MALFORMED"],
    ),
    (
        "a name that is no text",
        |it| it.frame(0, OPEN, END | Flags::NAME, 1, b"\0\0\x02\xff\xff"),
        &["GOAWAY 0 ERR_REQUEST_MALFORMED"],
    ),
    (
        "a head longer than its frame",
        |it| it.frame(0, OPEN, END | Flags::HEAD, 1, b"\0\0\xff\xff\x80"),
        &["GOAWAY 0 ERR_REQUEST_MALFORMED"],
    ),
];

#[tokio::test]
async fn each_rule_is_told_whole_or_byte_by_byte() {
    let server = server().await;
    let mut bad = Vec::new();
    for (what, write, expected) in ATTACKS {
        for bytewise in [false, true] {
            let mut attacker = Streams::in_memory(&server);
            write(&mut attacker);
            // Megabytes, byte by byte, take their time.
            if bytewise && attacker.out.len() > 10_000 {
                continue;
            }
            if bytewise {
                attacker = attacker.bytewise();
            }
            attacker.send().await;
            let mut told = attacker.rest().await;
            told.iter_mut().filter(|words| words.starts_with("HELLO")).for_each(|words| words.truncate(5));
            if told != *expected {
                bad.push(format!("{what} (byte by byte: {bytewise}): {told:?}, not {expected:?}"));
            }
            drop(attacker);
        }
        at_rest(&server.handle()).await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
    unharmed(&server).await;
}

#[tokio::test]
async fn what_harms_one_stream_leaves_the_others() {
    let server = server().await;
    let mut client = Streams::connect(&server).await;
    let cases: [(Write, &str); 9] = [
        (|it| it.open(1, "no.such", "", END), "ERROR 1 ERR_FUNCTION_UNKNOWN"),
        (|it| it.frame(0, OPEN, END, 3, &999u16.to_be_bytes()), "ERROR 3 ERR_FUNCTION_UNKNOWN"),
        (
            |it| it.frame(2, OPEN, END | Flags::NAME, 5, b"\0\0\x08math.add\x01\x02"),
            "ERROR 5 ERR_REQUEST_MALFORMED",
        ),
        (|it| it.open(7, "math.add", "[1,", END), "ERROR 7 ERR_REQUEST_MALFORMED"),
        (|it| it.open(9, "math.add", &"[".repeat(1000), END), "ERROR 9 ERR_PAYLOAD_TOO_COMPLEX"),
        (
            |it| {
                it.frame(
                    0,
                    OPEN,
                    END | Flags::NAME | Flags::HEAD,
                    11,
                    b"\0\0\x08math.add\0\x03\xc1\xc1\xc1[1,2]",
                );
            },
            "ERROR 11 ERR_REQUEST_MALFORMED",
        ),
        (
            |it| {
                let mut body = b"\0\0\x08math.add\x50\x00\x81\xa1k\xda\x4f\xfa".to_vec();
                body.resize(body.len() - 6 + 0x5000, b'v');
                it.frame(0, OPEN, END | Flags::NAME | Flags::HEAD, 13, &body);
            },
            "ERROR 13 ERR_PACKET_TOO_LARGE",
        ),
        (|it| it.open(15, "math.add", "[1,\"x\"]", END), "ERROR 15 ERR_FIELD_INVALID"),
        (|it| it.open(17, "math.add", "[1,2]", END), "ITEM 17 3"),
    ];
    for (write, expected) in cases {
        write(&mut client);
        client.send().await;
        assert_eq!(client.next().await.as_deref(), Some(expected));
    }
    drop(client);
    unharmed(&server).await;
}

#[tokio::test]
async fn opening_and_cancelling_without_end() {
    let server = server().await;
    let began = Instant::now();
    let mut attacker = Streams::connect(&server).await;
    let mut taken = true;
    for round in 0..1000 {
        for n in 0..100 {
            let id = 1 + 2 * (100 * round + n);
            attacker.open(id, "wait", "", END);
            attacker.cancel(id);
        }
        taken &= attacker.send().await;
        if !taken {
            break;
        }
    }
    let told = attacker.rest().await;
    // A reset may take the last words with it, where the attacker wrote on.
    assert!(told.is_empty() || told == ["GOAWAY 0 ERR_TOO_MANY_FRAMES"], "{told:?}");
    eventually("the connection ends", || server.handle().stats().connections == 0).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    unharmed(&server).await;
}

#[tokio::test]
async fn one_stream_too_many_and_one_call_too_many() {
    let server = start(functions().limits(|limits| limits.streams_per_connection = 200)).await;
    let mut client = Streams::connect(&server).await;
    for n in 0..200 {
        client.open(1 + 2 * n, "wait", "", END);
    }
    client.open(401, "math.add", "[1,2]", END);
    client.send().await;
    let began = Instant::now();
    assert_eq!(client.next().await.as_deref(), Some("ERROR 401 ERR_TOO_MANY_STREAMS"));
    // 128 run; the others wait for their turn as long as that may take.
    for n in 128..200 {
        let words = client.next().await.unwrap();
        assert_eq!(words, format!("ERROR {} ERR_OVERLOADED", 1 + 2 * n));
    }
    let waited = began.elapsed();
    assert!((Duration::from_millis(80)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
    assert_eq!(server.handle().stats().calls, 128);
    // One that is given up makes room for another.
    client.cancel(1);
    client.open(403, "math.add", "[1,2]", END);
    client.send().await;
    assert_eq!(client.next().await.as_deref(), Some("ITEM 403 3"));
    drop(client);
    unharmed(&server).await;
}

async fn let_go(server: &Handle) {
    eventually("the client is let go", || server.stats().connections == 0).await;
}

#[tokio::test]
async fn who_reads_nothing_is_not_listened_to_and_then_closed() {
    let server = start(functions().register(large).limits(|limits| {
        limits.write_stall = Duration::from_millis(300);
        limits.output_soft = 1 << 20;
        limits.output_hard = 2 << 20;
    }))
    .await;
    let handle = server.handle();
    let mut attacker = Streams::connect(&server).await;
    attacker.open(1, "math.add", "[1,2]", END);
    attacker.send().await;
    assert_eq!(attacker.next().await.as_deref(), Some("ITEM 1 3"));
    let began = Instant::now();
    let mut sent = 1;
    let pouring = async {
        loop {
            attacker.open(1 + 2 * sent, "large", "[900000]", END);
            if !attacker.send().await {
                return;
            }
            sent += 1;
        }
    };
    // Writing to it waits at last, and then it is closed.
    tokio::select! {
        () = pouring => {}
        () = let_go(&handle) => {}
    }
    let_go(&handle).await;
    println!("{sent} calls were poured, {:?}", began.elapsed());
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    drop(attacker);
    unharmed(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_drips() {
    let server = functions().build().unwrap().start_in_memory().await.unwrap();
    let mut attacker = Streams::in_memory(&server);
    attacker.open(1, "math.add", "[1,2]", END);
    attacker.send().await;
    assert_eq!(attacker.next().await.as_deref(), Some("ITEM 1 3"));
    attacker.open(3, "math.add", &format!("[1,{:>400}]", 2), END);
    let frame = attacker.out.split();
    let began = Instant::now();
    for byte in &frame {
        attacker.out.extend_from_slice(&[*byte]);
        if !attacker.send().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(11 + 30), "{:?}", began.elapsed());
    assert_eq!(attacker.rest().await, ["GOAWAY 0 ERR_TIMED_OUT"]);
    drop(attacker);
    at_rest(&server.handle()).await;
}

#[tokio::test(start_paused = true)]
async fn who_falls_silent_is_asked_and_let_go() {
    let server = functions()
        .limits(|limits| limits.handler_timeout = Duration::from_secs(3600))
        .build()
        .unwrap()
        .start_in_memory()
        .await
        .unwrap();
    let mut client = Streams::in_memory(&server);
    client.open(1, "wait", "", END);
    client.send().await;
    let began = Instant::now();
    assert_eq!(client.next().await.as_deref(), Some("PING 0 0"));
    assert_eq!(began.elapsed().as_secs(), 20);
    // An answer is a sign of life.
    client.frame(0, 7, Flags::ACK, 0, &1u64.to_be_bytes());
    client.send().await;
    assert_eq!(client.rest().await, ["PING 0 0", "PING 0 0"]);
    assert_eq!(began.elapsed().as_secs(), 80);
    drop(client);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn half_a_connection_and_none() {
    let server = server().await;
    let mut client = Streams::connect(&server).await;
    client.open(1, "math.add", "[1,2]", END);
    client.open(3, "wait", "", END);
    client.send().await;
    client.half_close().await;
    assert_eq!(client.rest().await, ["ITEM 1 3"]);
    at_rest(&server.handle()).await;
    // Packets first, then streams: a connection keeps to its version.
    let mut packets = Raw::connect(&server).await;
    assert_eq!(packets.ask(r#"{"a": 1}"#).await["error"], "ERR_NO_HANDLER");
    let mut open = Streams::in_memory(&server);
    open.open(1, "math.add", "[1,2]", END);
    packets.write(&open.out.split()).await;
    packets.expect_error(JSON, "ERR_HEADER_INVALID").await;
    drop((packets, open));
    in_time("the end", unharmed(&server)).await;
}
