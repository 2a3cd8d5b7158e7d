//! Attack: so many connections that the process has no descriptors left.

use std::time::{Duration, Instant};

use asyncapy_tests::{ChildServer, Raw, eventually};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn the_server_lives_is_quiet_and_recovers() {
    // More connections are allowed than there are descriptors, so that accept itself fails.
    let settings =
        ["connections=10000", "connections_per_address=10000", "new_connections_per_address=1000000"];
    let mut server = ChildServer::start(env!("CARGO_BIN_EXE_echo-server"), &settings, Some(64)).await;
    let mut early = Raw::connect_to(server.address()).await;
    assert_eq!(early.ask(r#"{"a": 1}"#).await, json!({"a": 1}));

    let mut crowd = Vec::new();
    for _ in 0..200 {
        // The system accepts them for the server as long as its queue has room.
        match timeout(Duration::from_millis(500), TcpStream::connect(server.address())).await {
            Ok(stream) => crowd.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let wait = Instant::now();
    while server.descriptors() < 63 {
        assert!(wait.elapsed().as_secs() < 30, "{} descriptors", server.descriptors());
        sleep(Duration::from_millis(2)).await;
    }
    // Not a wait for a state: how much of a core it takes to have none left.
    let before = server.cpu();
    sleep(Duration::from_secs(1)).await;
    let load = (server.cpu() - before).as_secs_f64();
    println!("no descriptors left: {load} of a core");
    assert!(load < 0.25, "{load} of a core");
    assert!(server.is_alive());
    // Those that wait are let in and out, one at a time, rather than left to wait for nothing.
    let turned_away = |crowd: &[TcpStream]| {
        let ended = |stream: &&TcpStream| match stream.try_read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        };
        crowd.iter().filter(ended).count()
    };
    eventually("somebody is turned away", || turned_away(&crowd) > 0).await;
    // Who is in is served as before.
    for at in 0..10 {
        assert_eq!(early.ask(&format!(r#"{{"at": {at}}}"#)).await, json!({"at": at}));
    }

    drop(crowd);
    // The next try to accept may be a second away.
    let wait = Instant::now();
    loop {
        let mut client = Raw::connect_to(server.address()).await;
        client.write_anyway(&asyncapy_tests::frame(asyncapy_tests::JSON, br#"{"b": 1}"#)).await;
        if client.frame().await.is_some() {
            break;
        }
        assert!(wait.elapsed().as_secs() < 30, "the server does not recover");
        sleep(Duration::from_millis(10)).await;
    }
    assert!(server.is_alive());
}
