//! Middleware at the door: it sees each connection before its session begins, and lets it in or says why not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};
use asyncapy::server::Endpoint;
use asyncapy::server::guard::{self, AddressLimit, ConnectionLimit, Guard, Incoming, Refusal};
use asyncapy_tests::{JSON, Raw, at_rest, crowd, echo, eventually, in_time, start};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Counts how often it is asked, and lets all in.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Guard for Counter {
    async fn admit(&self, _: &Incoming) -> Result<(), Refusal> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn the_first_that_refuses_decides_and_the_client_reads_why() {
    let (before, after) = (Arc::<Counter>::default(), Arc::<Counter>::default());
    let builder = echo()
        .connection_guard(before.clone())
        .connection_guard(guard::from_fn(async |incoming: Incoming| {
            if incoming.connections() > 1 {
                let refusal = Refusal::new(Code::custom("ERR_ONE_AT_A_TIME"));
                return Err(refusal.message("there is somebody else"));
            }
            Ok(())
        }))
        .connection_guard(after.clone());
    let server = start(builder).await;
    let mut first = Raw::connect(&server).await;
    first.ask(r#"{"a": 1}"#).await;
    for _ in 0..3 {
        let mut second = Raw::connect(&server).await;
        let told =
            br#"{"status": "failure", "error": "ERR_ONE_AT_A_TIME", "message": "there is somebody else"}"#;
        second.expect(JSON, told).await;
        second.expect_orderly_end().await;
    }
    assert_eq!((before.0.load(Ordering::Relaxed), after.0.load(Ordering::Relaxed)), (4, 1));
    assert_eq!(first.ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    let handle = server.handle();
    assert_eq!(handle.stats().refused, 3);
    drop(first);
    at_rest(&handle).await;
}

#[tokio::test]
async fn one_that_is_being_told_no_takes_nobodys_place() {
    let server = start(echo().connection_guard(ConnectionLimit::new(1))).await;
    let mut first = Raw::connect(&server).await;
    first.ask(r#"{"a": 1}"#).await;
    let mut second = Raw::connect(&server).await;
    second.expect_error(JSON, "ERR_TOO_MANY_CONNECTIONS").await;
    first.half_close().await;
    first.expect_closed().await;
    let handle = server.handle();
    eventually("the first is gone", || handle.stats().connections == 0).await;
    // The second has not closed its side yet.
    let mut third = Raw::connect(&server).await;
    assert_eq!(third.ask(r#"{"a": 3}"#).await, json!({"a": 3}));
}

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_closes_the_door_for_its_time() {
    let limit = ConnectionLimit::new(2).pausing(Duration::from_secs(60));
    let builder = echo().timeout(Duration::from_secs(3600)).connection_guard(limit);
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let mut first = Raw::in_memory(&server);
    let mut second = Raw::in_memory(&server);
    first.ask(r#"{"a": 1}"#).await;
    second.ask(r#"{"a": 1}"#).await;
    Raw::in_memory(&server).expect_error(JSON, "ERR_TOO_MANY_CONNECTIONS").await;
    drop(second);
    let handle = server.handle();
    eventually("the second is gone", || handle.stats().connections == 1).await;
    Raw::in_memory(&server).expect_error(JSON, "ERR_TOO_MANY_CONNECTIONS").await;
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(Raw::in_memory(&server).ask(r#"{"a": 2}"#).await, json!({"a": 2}));
}

#[tokio::test]
async fn each_address_has_a_limit_of_its_own() {
    let day = Duration::from_secs(86_400);
    let limit = Arc::new(AddressLimit::new(2).ban_after(3, day, day));
    let server = start(crowd(echo(), 1000).connection_guard(limit.clone())).await;
    let mut own = Vec::new();
    for _ in 0..2 {
        let mut client = Raw::connect(&server).await;
        client.ask(r#"{"a": 1}"#).await;
        own.push(client);
    }
    Raw::connect(&server).await.expect_error(JSON, "ERR_TOO_MANY_CONNECTIONS").await;
    let mut elsewhere = Raw::connect_from(&server, "127.0.0.2").await;
    assert_eq!(elsewhere.ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    limit.set(3);
    let mut third = Raw::connect(&server).await;
    assert_eq!(third.ask(r#"{"a": 3}"#).await, json!({"a": 3}));
    // One that does not take no for an answer.
    for _ in 0..2 {
        Raw::connect(&server).await.expect_error(JSON, "ERR_TOO_MANY_CONNECTIONS").await;
    }
    let bans = server.handle().bans();
    assert_eq!(bans.iter().map(|ban| ban.host.to_string()).collect::<Vec<_>>(), ["127.0.0.1"]);
    assert_eq!(third.ask(r#"{"a": 4}"#).await, json!({"a": 4}), "those that are in stay");
}

#[tokio::test]
async fn it_sees_who_comes_and_where() {
    let seen: Arc<Mutex<Vec<Incoming>>> = Arc::default();
    let notes = seen.clone();
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let issued = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let tls = TlsServer::builder(Pem::text(issued.certificate()), Pem::text(issued.key()))
        .client_authority(Pem::text(authority.certificate()))
        .build()
        .unwrap();
    let builder = echo().tls(tls).listen("tls://127.0.0.1:0").connection_guard(guard::from_fn(
        move |incoming: Incoming| {
            let name = incoming.identity().and_then(|who| who.name()).map(str::to_owned);
            notes.lock().unwrap().push(incoming);
            async move { if name.as_deref() == Some("mallory") { Err(Code::Unauthorized)? } else { Ok(()) } }
        },
    ));
    let server = builder.build().unwrap().start().await.unwrap();
    for name in ["ann", "mallory"] {
        let own = authority.issue_client(name, Validity::CLIENT).unwrap();
        let client = TlsClient::builder(Pem::text(authority.certificate()))
            .certificate(Pem::text(own.certificate()), Pem::text(own.key()))
            .build()
            .unwrap();
        let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
        let mut client =
            Raw::over(in_time("the handshake", client.connect(stream, "localhost")).await.unwrap());
        if name == "ann" {
            assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
        } else {
            client.expect_error(JSON, "ERR_UNAUTHORIZED").await;
            client.expect_closed().await;
        }
    }
    let mut memory = Raw::in_memory(&server);
    memory.ask(r#"{"a": 1}"#).await;
    let seen = seen.lock().unwrap();
    assert!(matches!(seen[0].endpoint(), Some(Endpoint::Tls(host)) if host.starts_with("127.0.0.1:")));
    assert_eq!(seen[0].endpoint(), server.handle().endpoints().first());
    assert_eq!((seen[0].address().to_string().as_str(), seen[0].connections()), ("127.0.0.1", 1));
    assert_eq!(seen[0].connections_of_address(), 1);
    assert_eq!(seen[1].identity().and_then(|who| who.name()), Some("mallory"));
    assert!(seen[2].endpoint().is_none() && seen[2].identity().is_none());
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_or_takes_too_long_lets_nobody_in() {
    let panics = echo().connection_guard(guard::from_fn(async |_| panic!("a guard's own fault")));
    let server = panics.build().unwrap().start_in_memory().await.unwrap();
    let mut client = Raw::in_memory(&server);
    client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    client.expect_closed().await;

    let sleeps = echo().connection_guard(guard::from_fn(async |_| std::future::pending().await));
    let server = sleeps.build().unwrap().start_in_memory().await.unwrap();
    let began = tokio::time::Instant::now();
    Raw::in_memory(&server).expect_error(JSON, "ERR_OVERLOADED").await;
    assert_eq!(began.elapsed().as_secs(), 10);
}

/// A guard that does not decide, and what tells that it was asked.
pub(crate) fn undecided() -> (impl Guard, Arc<Semaphore>) {
    let asked = Arc::new(Semaphore::new(0));
    let inside = asked.clone();
    let guard = guard::from_fn(move |_| {
        inside.add_permits(1);
        std::future::pending()
    });
    (guard, asked)
}

#[tokio::test]
async fn a_stop_does_not_wait_for_one_that_waits() {
    let (guard, asked) = undecided();
    let server = start(echo().connection_guard(guard)).await;
    let mut client = Raw::connect(&server).await;
    asked.acquire().await.unwrap().forget();
    let report = in_time("the stop", server.shutdown()).await.unwrap();
    client.expect_error(JSON, "ERR_SHUTTING_DOWN").await;
    client.expect_closed().await;
    assert_eq!(report.cut, 0);
    assert!(report.took < Duration::from_secs(5), "{report:?}");
}

#[tokio::test]
async fn a_flood_of_refused_ones_leaves_nothing_behind() {
    let refuse = guard::from_fn(async |_| Err(Code::Unauthorized)?);
    let server = start(crowd(echo(), 10_000).connection_guard(refuse)).await;
    let handle = server.handle();
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(Raw::connect(&server).await);
    }
    eventually("all have been decided on", || handle.stats().refused == 300).await;
    // Each is told while there is room for it, and closed in any case.
    let mut told = 0;
    for client in &mut clients {
        if let Some((_, payload)) = client.frame().await {
            assert_eq!(payload, br#"{"status": "failure", "error": "ERR_UNAUTHORIZED"}"#);
            told += 1;
            client.expect_closed().await;
        }
    }
    assert!(told >= 64, "{told}");
    drop(clients);
    at_rest(&handle).await;
}
