//! Sessions: from accept to close, limited by address (protocol V2, rules 5 and 6).

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, ZIPROTO, at_rest, crowd, echo, eventually, settled_tasks, start};
use tokio::net::TcpStream;

#[tokio::test]
async fn one_session_too_many_is_told_so() {
    let server = start(echo().session_limit(2)).await;
    let mut first = Raw::connect(&server).await;
    let mut second = Raw::connect(&server).await;
    first.ask(r#"{"a": 1}"#).await;
    second.ask(r#"{"a": 1}"#).await;
    let mut third = Raw::connect(&server).await;
    third.expect_error(JSON, "ERR_SESSION_LIMIT_REACHED").await;
    third.expect_closed().await;
    // Those that are in do not notice.
    assert_eq!(first.ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    // Another address has its own limit.
    let elsewhere = server.handle().connect_from("10.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(Raw::over(elsewhere).ask(r#"{"a": 3}"#).await, json!({"a": 3}));
    // A place that becomes free is free.
    drop(second);
    let handle = server.handle();
    eventually("the second session ends", || handle.stats().sessions == 1).await;
    assert_eq!(Raw::connect(&server).await.ask(r#"{"a": 4}"#).await, json!({"a": 4}));
    drop(first);
    drop(third);
    at_rest(&handle).await;
}

#[tokio::test]
async fn clients_that_vanish_leave_their_places() {
    let server = start(crowd(echo(), 1000).session_limit(4)).await;
    let handle = server.handle();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for round in 0..50 {
        let mut gone = Vec::new();
        for _ in 0..4 {
            let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
            // A reset instead of a farewell when it is dropped, as from a machine that lost its power and came back.
            stream.set_zero_linger().unwrap();
            gone.push(stream);
        }
        eventually("all four are in", || handle.stats().sessions == 4).await;
        drop(gone);
        eventually("all four are out", || handle.stats().sessions == 0).await;
        assert_eq!(handle.stats().refused, 0, "round {round}");
    }
    at_rest(&handle).await;
    settled_tasks(tasks).await;
}

#[tokio::test]
async fn a_vanished_client_holds_its_place_no_longer_than_its_handler_may_run() {
    let started = Arc::new(tokio::sync::Notify::new());
    let inside = started.clone();
    let builder = Server::builder().register_fn(move || {
        let started = inside.clone();
        async move {
            started.notify_one();
            std::future::pending::<()>().await;
        }
    });
    let server = start(builder.handler_timeout(Duration::from_millis(300))).await;
    let handle = server.handle();
    let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    stream.set_zero_linger().unwrap();
    let mut client = Raw::over(stream);
    client.json(r#"{"a": 1}"#).await;
    started.notified().await;
    assert_eq!(handle.stats().calls, 1);
    drop(client);
    at_rest(&handle).await;
}

#[tokio::test]
async fn every_session_has_a_name_a_date_and_a_client() {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let kept = seen.clone();
    let before = SystemTime::now();
    let builder = Server::builder().register_fn(move |session: Session, client: Client| {
        assert_eq!(session.client(), client);
        assert_eq!(session.address(), client.address());
        assert!(session.is_open() && client.is_open());
        assert!(session.started() >= before && session.started() <= SystemTime::now());
        assert_eq!(session.id().get_version_num(), 4);
        kept.lock().unwrap().insert(session.id());
        async move { json!({"id": session.id().to_string(), "client": client.to_string()}) }
    });
    let server = start(builder).await;
    let mut replies = HashSet::new();
    for _ in 0..10 {
        let mut client = Raw::connect(&server).await;
        let first = client.ask(r#"{"a": 1}"#).await;
        assert_eq!(first, client.ask(r#"{"a": 2}"#).await, "one session, one name");
        assert_eq!(first["client"], "Client(127.0.0.1)");
        replies.insert(first["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((replies.len(), seen.lock().unwrap().len()), (10, 10));
}

#[tokio::test]
async fn a_client_knows_the_sessions_of_its_address() {
    let builder = Server::builder().register_fn(|client: Client, session: Session| async move {
        let sessions = client.get_sessions();
        assert!(sessions.contains(&session));
        assert!(sessions.is_sorted_by_key(Session::started));
        json!({"sessions": sessions.len()})
    });
    let server = start(builder).await;
    let mut first = Raw::connect(&server).await;
    assert_eq!(first.ask(r#"{"a": 1}"#).await["sessions"], 1);
    let mut second = Raw::connect(&server).await;
    assert_eq!(second.ask(r#"{"a": 1}"#).await["sessions"], 2);
    let elsewhere = server.handle().connect_from("10.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(Raw::over(elsewhere).ask(r#"{"a": 1}"#).await["sessions"], 1);
    drop(second);
    let handle = server.handle();
    eventually("one is left", || handle.stats().sessions == 1).await;
    assert_eq!(first.ask(r#"{"a": 1}"#).await["sessions"], 1);
}

#[handler(fields(close))]
async fn close(client: Client) -> serde_json::Value {
    client.close();
    json!({"said": "before the end"})
}

#[handler(fields(send_and_close))]
async fn send_and_close(client: Client) -> Result<()> {
    client.send_and_close(json!({"last": 1})).await?;
    assert!(!client.is_open());
    assert!(client.send(json!({"too": "late"})).await.unwrap_err().is_disconnect());
    Ok(())
}

#[handler(fields(close_session))]
async fn close_session(session: Session) {
    session.close();
}

#[tokio::test]
async fn a_handler_may_close_the_connection() {
    let server =
        start(Server::builder().register(close).register(send_and_close).register(close_session)).await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"close": 1}"#).await, json!({"said": "before the end"}));
    client.expect_closed().await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"send_and_close": 1}"#).await, json!({"last": 1}));
    client.expect_closed().await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"close_session": 1}"#).await;
    client.expect_closed().await;
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn packets_behind_a_close_are_not_handled() {
    let server = start(Server::builder().register(close)).await;
    let mut client = Raw::connect(&server).await;
    client.write(&asyncapy_tests::frame(JSON, br#"{"close": 1}"#).repeat(3)).await;
    assert_eq!(client.value().await, json!({"said": "before the end"}));
    client.expect_closed().await;
    assert_eq!(server.handle().stats().packets, 1);
}

#[handler(fields(say))]
async fn say(session: Session, #[field] say: String) {
    for other in session.client().get_sessions().into_iter().filter(|other| *other != session) {
        // Whoever has left meanwhile does not hear it.
        let _ = other.client().send(json!({"heard": say})).await;
    }
}

#[tokio::test]
async fn sessions_can_speak_to_one_another() {
    let server = start(Server::builder().register(say)).await;
    let mut ann = Raw::connect(&server).await;
    let mut bob = Raw::connect(&server).await;
    let handle = server.handle();
    eventually("both are in", || handle.stats().sessions == 2).await;
    // Bob has said nothing yet: what he hears is in JSON.
    ann.json(r#"{"say": "hello"}"#).await;
    assert_eq!(bob.value().await, json!({"heard": "hello"}));
    // His first packet decides from now on.
    bob.send(ZIPROTO, b"\x81\xa3say\xa2hi").await;
    assert_eq!(ann.value().await, json!({"heard": "hi"}));
    for at in 0..100 {
        ann.json(&format!(r#"{{"say": "line {at}"}}"#)).await;
    }
    for at in 0..100 {
        let (encoding, payload) = bob.frame().await.unwrap();
        assert_eq!(encoding, ZIPROTO);
        assert_eq!(asyncapy_tests::decode(encoding, &payload), json!({"heard": format!("line {at}")}));
    }
}

#[tokio::test]
async fn a_client_that_is_kept_outlives_its_connection() {
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let server = start(Server::builder().register_fn(move |client: Client| {
        keep.send(client).unwrap();
        async {}
    }))
    .await;
    let mut raw = Raw::connect(&server).await;
    raw.json(r#"{"a": 1}"#).await;
    let client = kept.recv().await.unwrap();
    client.send(json!({"from": "elsewhere"})).await.unwrap();
    assert_eq!(raw.value().await, json!({"from": "elsewhere"}));
    drop(raw);
    eventually("the connection ends", || !client.is_open()).await;
    assert!(client.send(json!({"a": 1})).await.unwrap_err().is_disconnect());
    assert!(client.try_send(json!({"a": 1})).unwrap_err().is_disconnect());
    at_rest(&server.handle()).await;
}
