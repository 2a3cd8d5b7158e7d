//! Attack: a client that asks and never reads. It costs itself only.

use std::time::{Duration, Instant};

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy_tests::{ChildServer, JSON, Raw, at_rest, echo, eventually, frame, in_time, start};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn memory_is_bounded_the_connection_ends_and_others_do_not_notice() {
    let server = ChildServer::start(env!("CARGO_BIN_EXE_echo-server"), &["write_stall=700ms"], None).await;
    let mut other = Raw::connect_to(server.address()).await;
    other.ask(r#"{"a": 1}"#).await;
    let before = server.resident();
    // 100 MB of replies to one packet.
    let mut never_reads = Raw::connect_to(server.address()).await;
    never_reads.json(r#"{"burst": 100000}"#).await;
    // Packets without end, of which no reply is read.
    let mut pours = TcpStream::connect(server.address()).await.unwrap();
    let packets = frame(JSON, format!(r#"{{"a": "{}"}}"#, "x".repeat(50_000)).as_bytes());
    let mut poured = 0;
    while poured < 200 * MIB {
        match timeout(Duration::from_millis(200), pours.write(&packets)).await {
            Ok(Ok(written)) => poured += written,
            // It is not read any more, or has been closed.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    assert!(poured < 100 * MIB, "{poured} bytes were taken whose replies nobody reads");
    let mut most = 0;
    let mut replies = 0;
    let began = Instant::now();
    loop {
        let stats = other.ask(r#"{"stats": 1}"#).await;
        replies += 1;
        most = most.max(server.resident().saturating_sub(before));
        if stats == json!({"connections": 1, "sessions": 1, "calls": 0}) {
            break;
        }
        assert!(began.elapsed().as_secs() < 30, "both must be closed by then: {stats}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("two clients that never read: {} KiB at most, {replies} other replies meanwhile", most / 1024);
    assert!(most < 24 * MIB, "{most} bytes");
    // Some hundred come before the stall is over; if others were held up by it, there would be one or two.
    assert!(replies >= 10, "{replies} replies in {:?}", began.elapsed());
    drop((never_reads, pours));
}

#[tokio::test]
async fn a_sender_waits_for_a_reader_that_is_only_slow() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = sent.clone();
    let builder = Server::builder().register_fn(move |client: Client| {
        let sent = counted.clone();
        async move {
            for at in 0..3_000 {
                client.send(json!({"at": at, "filler": "x".repeat(10_000)})).await.unwrap();
                sent.store(at, std::sync::atomic::Ordering::Relaxed);
            }
        }
    });
    let server = start(builder.limits(|limits| limits.output_soft = 100_000)).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"go": 1}"#).await;
    assert_eq!(client.value().await["at"], 0);
    // 30 MB are more than all buffers on the way hold.
    assert!(sent.load(std::sync::atomic::Ordering::Relaxed) < 2_900);
    for at in 1..3_000 {
        assert_eq!(client.value().await["at"], at);
    }
    drop(client);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn who_does_not_wait_is_told_that_it_is_too_much() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let builder = Server::builder().register_fn(move |client: Client| {
        let tell = tell.clone();
        async move {
            let filler = "x".repeat(100_000);
            let sent = (0..10_000)
                .find_map(|at| client.try_send(json!({"f": filler})).err().map(|error| (at, error)));
            tell.send(sent).unwrap();
        }
    });
    let server = start(builder.limits(|limits| limits.write_stall = Duration::from_millis(200))).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"go": 1}"#).await;
    let (at, error) = in_time("the refusal", told.recv()).await.unwrap().expect("an end to it");
    assert!(matches!(error, asyncapy::Error::Overloaded), "{error}");
    // 4 MiB of 100 kB each, and at most as much again where the connection took them meanwhile.
    assert!((40..100).contains(&at), "{at}");
    let handle = server.handle();
    eventually("a reader that never reads is let go", || handle.stats().connections == 0).await;
    drop(client);
    at_rest(&handle).await;
}

#[tokio::test]
async fn a_stall_ends_the_connection_and_not_before() {
    let builder = echo().limits(|limits| {
        limits.write_stall = Duration::from_millis(300);
        limits.output_soft = 64 * 1024;
    });
    let server = start(builder).await;
    let mut pours = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let packet = frame(JSON, format!(r#"{{"a": "{}"}}"#, "x".repeat(50_000)).as_bytes());
    let handle = server.handle();
    let began = Instant::now();
    let pouring = async { while pours.write_all(&packet).await.is_ok() {} };
    in_time("the server closes", pouring).await;
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    at_rest(&handle).await;
}
