//! Attack: clients that are slow, silent, or gone without a word.

use std::time::{Duration, Instant};

use asyncapy_tests::{
    ChildServer, JSON, Raw, at_rest, crowd, echo, eventually, frame, own_descriptors, settled_tasks, start,
};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A crowd of clients is let in.
const CROWD: [&str; 3] =
    ["connections=20000", "connections_per_address=20000", "new_connections_per_address=1000000"];

async fn child(settings: &[&str]) -> ChildServer {
    let settings = [&CROWD, settings].concat();
    ChildServer::start(env!("CARGO_BIN_EXE_echo-server"), &settings, None).await
}

/// Waits until the server says that nobody but the asker is connected.
async fn alone(server: &ChildServer) {
    let mut asker = Raw::connect_to(server.address()).await;
    let began = Instant::now();
    loop {
        let stats = asker.ask(r#"{"stats": 1}"#).await;
        if stats == json!({"connections": 1, "sessions": 1, "calls": 0}) {
            return;
        }
        assert!(began.elapsed().as_secs() < 30, "{stats}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// The share of a core that the server uses while nothing is asked of it.
async fn idle_load(server: &ChildServer, window: Duration) -> f64 {
    let before = server.cpu();
    // Not a wait for a state: this is how long is measured.
    sleep(window).await;
    (server.cpu() - before).as_secs_f64() / window.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_drips_a_byte_a_second_is_gone_after_ten() {
    let builder = crowd(echo(), 200);
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let mut drips = JoinSet::new();
    for at in 0..100 {
        let mut client = Raw::in_memory(&server);
        drips.spawn(async move {
            let bytes = frame(JSON, format!(r#"{{"at": {at}, "more": "{}"}}"#, "x".repeat(100)).as_bytes());
            for byte in bytes.iter().take(9) {
                client.write(&[*byte]).await;
                sleep(Duration::from_secs(1)).await;
            }
            client.expect_error(JSON, "ERR_TIMED_OUT").await;
            client.expect_closed().await;
        });
    }
    let began = tokio::time::Instant::now();
    assert_eq!(drips.join_all().await.len(), 100);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    at_rest(&server.handle()).await;
    drop(server);
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn a_length_alone_costs_nothing() {
    let server = child(&[]).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Raw::connect_to(server.address()).await);
    }
    let mut asker = Raw::connect_to(server.address()).await;
    asker.ask(r#"{"stats": 1}"#).await;
    let before = server.resident();
    for client in &mut clients {
        // A MiB is announced, 10 bytes of it come.
        client.write(&(1u32 << 20).to_be_bytes()).await;
        client.write(b"\x16\x00{\"a\": \"bc").await;
    }
    asker.ask(r#"{"stats": 1}"#).await;
    let grown = server.resident().saturating_sub(before);
    println!("50 connections that announced 1 MiB each: {} KiB more", grown / 1024);
    assert!(grown < 50 * 64 * 1024, "{grown} bytes for 50 lengths");
    drop((clients, asker));
    alone(&server).await;
}

#[tokio::test]
async fn an_endless_length_is_refused_at_once() {
    let server = child(&["header_size=8"]).await;
    for _ in 0..100 {
        let mut client = Raw::connect_to(server.address()).await.framed(8, true);
        client.write(&u64::MAX.to_be_bytes()).await;
        client.write_anyway(&vec![b'x'; 100_000]).await;
        client.expect_error(JSON, "ERR_PACKET_TOO_LARGE").await;
        client.expect_closed().await;
    }
    assert!(server.resident() < 64 << 20, "{}", server.resident());
}

#[tokio::test]
async fn many_idle_connections_cost_little_and_leave_nothing() {
    let server = child(&[]).await;
    let count = own_descriptors().saturating_sub(1_000).min(10_000);
    alone(&server).await;
    let (before, descriptors) = (server.resident(), server.descriptors());
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(Raw::connect_to(server.address()).await);
    }
    let mut asker = Raw::connect_to(server.address()).await;
    let wait = Instant::now();
    while asker.ask(r#"{"stats": 1}"#).await["sessions"] != count + 1 {
        assert!(wait.elapsed().as_secs() < 30, "not all of {count} connections have become sessions");
        sleep(Duration::from_millis(2)).await;
    }
    let each = (server.resident() - before) / count;
    println!("{count} idle connections: {each} bytes of resident memory each");
    // In a build without optimisation; the benchmarks hold the figure of the release.
    assert!(each < 16 * 1024, "{each} bytes each");
    let load = idle_load(&server, Duration::from_millis(300)).await;
    assert!(load < 0.3, "{load} of a core for idle connections");
    // They all live: each of a sample answers.
    for client in clients.iter_mut().step_by(100) {
        assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    }
    drop((clients, asker));
    alone(&server).await;
    let wait = Instant::now();
    while server.descriptors() > descriptors + 1 {
        assert!(wait.elapsed().as_secs() < 30, "{} descriptors", server.descriptors());
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn half_closed_in_the_middle_of_a_packet_ends_and_burns_nothing() {
    let server = child(&[]).await;
    for cut in [1, 3, 4, 5, 6, 10] {
        let mut client = Raw::connect_to(server.address()).await;
        client.write(&frame(JSON, br#"{"a": "packet"}"#)[..cut]).await;
        client.half_close().await;
        // No error: nobody is left to hear that half a packet is none.
        client.expect_closed().await;
    }
    // One that never closes, one that half closed while its handler runs.
    let mut open = Raw::connect_to(server.address()).await;
    open.write(&[0, 0]).await;
    let mut waits = Raw::connect_to(server.address()).await;
    waits.json(r#"{"sleep": 900}"#).await;
    waits.half_close().await;
    let load = idle_load(&server, Duration::from_millis(500)).await;
    assert!(load < 0.2, "{load} of a core for half-closed connections");
    assert_eq!(waits.value().await, json!({"sleep": 900}));
    waits.expect_closed().await;
    drop(open);
    alone(&server).await;
}

#[tokio::test]
async fn resets_at_every_point_leave_nothing() {
    let server = start(crowd(echo(), 2_000)).await;
    let handle = server.handle();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let bytes = frame(JSON, br#"{"a": "packet"}"#).repeat(3);
    for cut in 0..bytes.len() {
        let stream = tokio::net::TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
        stream.set_zero_linger().unwrap();
        Raw::over(stream).write(&bytes[..cut]).await;
    }
    let all = bytes.len() as u64;
    eventually("all were accepted", || handle.stats().accepted == all).await;
    at_rest(&handle).await;
    settled_tasks(tasks).await;
}
