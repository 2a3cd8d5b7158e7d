//! A shutdown lets what is in hand finish, ends by its deadline, and reports what it drained and what it cut.

use std::sync::Arc;
use std::time::Duration;

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};
use asyncapy_tests::{ChildServer, JSON, Raw, echo, eventually, frame, in_time, settled_tasks, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Handlers wait at the gate: `begun` tells that one is inside, `go` lets it on.
#[derive(Clone)]
struct Gate {
    begun: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { begun: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) }
    }
}

#[handler]
async fn waits(State(gate): State<Gate>, packet: Packet) -> Packet {
    gate.begun.add_permits(1);
    gate.go.acquire().await.unwrap().forget();
    packet
}

#[tokio::test]
async fn idle_connections_close_at_once() {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = start(echo()).await;
    let mut clients = Vec::new();
    for at in 0..5 {
        let mut client = Raw::connect(&server).await;
        client.ask(&format!(r#"{{"at": {at}}}"#)).await;
        clients.push(client);
    }
    // One that is in the middle of a packet is idle too: nothing is in hand.
    clients[0].write(&[0, 0, 0]).await;
    let stopping = tokio::spawn(server.shutdown());
    for client in &mut clients {
        client.expect_closed().await;
    }
    drop(clients);
    let report = in_time("the shutdown", stopping).await.unwrap().unwrap();
    assert_eq!((report.drained, report.cut), (5, 0));
    assert!(report.took < Duration::from_secs(5), "{report:?}");
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn a_reply_in_the_making_is_not_lost() {
    let gate = Gate::new();
    let server = start(Server::builder().register(waits).state(gate.clone())).await;
    let address = server.local_addr().unwrap();
    let handle = server.handle();
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"in": "hand"}"#).await;
    gate.begun.acquire().await.unwrap().forget();
    let stopping = tokio::spawn(server.shutdown());
    // New connections are refused by the system: nobody listens.
    eventually("the listener is closed", || std::net::TcpStream::connect(address).is_err()).await;
    assert!(handle.connect().is_err());
    assert!(!stopping.is_finished());
    gate.go.add_permits(1);
    assert_eq!(client.value().await, json!({"in": "hand"}));
    client.expect_closed().await;
    drop(client);
    let report = in_time("the shutdown", stopping).await.unwrap().unwrap();
    assert_eq!((report.drained, report.cut), (1, 0));
}

#[tokio::test]
async fn what_is_not_done_by_the_deadline_is_cut_and_counted() {
    let gate = Gate::new();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let deadline = Duration::from_millis(100);
    let builder = Server::builder()
        .register(waits)
        .state(gate.clone())
        .limits(|limits| limits.shutdown_deadline = deadline);
    let server = start(builder).await;
    let handle = server.handle();
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let mut client = Raw::connect(&server).await;
        client.json(r#"{"in": "hand"}"#).await;
        gate.begun.acquire().await.unwrap().forget();
        stuck.push(client);
    }
    let mut idle = Raw::connect(&server).await;
    eventually("four sessions", || handle.stats().sessions == 4).await;
    let stopping = tokio::spawn(server.shutdown());
    idle.expect_closed().await;
    drop(idle);
    let report = in_time("the shutdown", stopping).await.unwrap().unwrap();
    assert_eq!((report.drained, report.cut), (1, 3));
    assert!(report.took >= deadline && report.took < deadline * 20, "{report:?}");
    for client in &mut stuck {
        client.expect_closed().await;
    }
    assert_eq!(handle.stats().calls, 0);
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_last_replies_does_not_hold_the_server() {
    let builder = echo().limits(|limits| {
        limits.shutdown_deadline = Duration::from_millis(100);
        limits.output_soft = 8 << 20;
        limits.output_hard = 64 << 20;
    });
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    let packet = frame(JSON, format!(r#"{{"a": "{}"}}"#, "x".repeat(900_000)).as_bytes());
    let handle = server.handle();
    for _ in 0..6 {
        client.write(&packet).await;
    }
    eventually("the server has all packets", || handle.stats().packets == 6).await;
    let report = in_time("the shutdown", server.shutdown()).await.unwrap();
    assert_eq!((report.drained, report.cut), (0, 1));
}

/// Those that are past their session when the deadline passes: nothing is in hand any more, but the client does not close,
/// or does not read.
#[tokio::test(start_paused = true)]
async fn a_farewell_is_no_longer_than_the_shutdown() {
    let deadline = Duration::from_millis(100);
    let builder = echo().session_limit(3).limits(|limits| limits.shutdown_deadline = deadline);
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let handle = server.handle();
    let mut stays = Raw::over(handle.connect().unwrap());
    stays.ask(r#"{"a": 1}"#).await;
    let mut streams = handle.connect().unwrap();
    // A PING of protocol V3, and its answer.
    streams.write_all(b"\0\0\0\x10\x17\0\x07\0\0\0\0\x0012345678").await.unwrap();
    let mut answer = [0; 20];
    in_time("the answer", streams.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, *b"\0\0\0\x10\x17\0\x07\x80\0\0\0\x0012345678");
    let mut deaf = Raw::over(handle.connect().unwrap());
    // The reply to it does not fit into what lies between.
    deaf.write(&frame(JSON, format!(r#"{{"a": "{}"}}"#, "x".repeat(200_000)).as_bytes())).await;
    eventually("the server has it", || handle.stats().packets == 2).await;
    let mut refused = Raw::over(handle.connect().unwrap());
    refused.expect_error(JSON, "ERR_SESSION_LIMIT_REACHED").await;
    let report = server.shutdown().await.unwrap();
    assert_eq!((report.drained, report.cut), (0, 4));
    assert!(report.took < deadline + Duration::from_millis(10), "{report:?}");
    assert_eq!(handle.stats().connections, 0);
    drop((stays, streams, deaf, refused));
}

#[tokio::test]
async fn a_handshake_is_no_longer_than_the_shutdown() {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let own = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let tls = TlsServer::builder(Pem::text(own.certificate()), Pem::text(own.key())).build().unwrap();
    let builder = echo().limits(|limits| limits.shutdown_deadline = Duration::from_millis(50));
    let server = builder.tls(tls).listen("tls://127.0.0.1:0").build().unwrap().start().await.unwrap();
    let handle = server.handle();
    let silent = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    eventually("it is accepted", || handle.stats().connections == 1).await;
    let report = in_time("the shutdown", server.shutdown()).await.unwrap();
    assert_eq!((report.drained, report.cut, handle.stats().connections), (0, 1, 0));
    drop(silent);
}

#[tokio::test]
async fn dropping_the_server_ends_everything() {
    let gate = Gate::new();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = start(Server::builder().register(waits).state(gate.clone())).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"in": "hand"}"#).await;
    gate.begun.acquire().await.unwrap().forget();
    let address = server.local_addr().unwrap();
    drop(server);
    client.expect_closed().await;
    eventually("the listener is closed", || std::net::TcpStream::connect(address).is_err()).await;
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn a_handle_stops_a_server_that_waits() {
    let server = start(echo()).await;
    let handle = server.handle();
    let waiting = tokio::spawn(server.wait());
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    handle.shutdown();
    handle.shutdown();
    let report = in_time("the end", waiting).await.unwrap().unwrap();
    assert_eq!((report.drained, report.cut), (0, 0));
}

#[tokio::test]
async fn who_comes_through_the_door_as_it_closes_is_told_so() {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let own = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let tls = TlsServer::builder(Pem::text(own.certificate()), Pem::text(own.key())).build().unwrap();
    let server = echo().tls(tls).listen("tls://127.0.0.1:0").build().unwrap().start().await.unwrap();
    let handle = server.handle();
    // Accepted, but the handshake is still to come when the server stops.
    let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    eventually("it is accepted", || handle.stats().connections == 1).await;
    let stopping = tokio::spawn(server.shutdown());
    eventually("the server stops", || handle.connect().is_err()).await;
    let client = TlsClient::builder(Pem::text(authority.certificate())).build().unwrap();
    let mut client = Raw::over(in_time("the handshake", client.connect(stream, "localhost")).await.unwrap());
    client.expect_error(JSON, "ERR_SHUTTING_DOWN").await;
    client.expect_closed().await;
    drop(client);
    let report = in_time("the shutdown", stopping).await.unwrap().unwrap();
    assert_eq!((report.drained, report.cut), (1, 0));
}

async fn stopped_by(signal: &str) {
    let server = ChildServer::start(env!("CARGO_BIN_EXE_echo-server"), &[], None).await;
    let mut idle = Raw::connect_to(server.address()).await;
    idle.ask(r#"{"a": 1}"#).await;
    let mut busy = Raw::connect_to(server.address()).await;
    busy.json(r#"{"sleep": 200}"#).await;
    // The handler is inside when the server says that a call is in flight.
    loop {
        if idle.ask(r#"{"stats": 1}"#).await["calls"] == 1 {
            break;
        }
    }
    server.signal(signal).await;
    assert_eq!(busy.value().await, json!({"sleep": 200}));
    busy.expect_closed().await;
    idle.expect_closed().await;
    assert!(TcpStream::connect(server.address()).await.is_err());
    drop((busy, idle));
    let (said, success) = server.end().await;
    assert_eq!((said.as_slice(), success), (&["drained 2 cut 0".to_owned()][..], true));
}

#[tokio::test]
async fn sigterm_and_ctrl_c_drain() {
    stopped_by("TERM").await;
    stopped_by("INT").await;
}
