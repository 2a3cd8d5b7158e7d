//! Groups run in ascending order, the first match of each; their replies reach the client in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asyncapy::Server;
use asyncapy::handler::filter::Fields;
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, frame, start};

/// What is written within a module is registered in the order in which it stands there, whatever order it is given in.
#[handler(group = 7)]
async fn last() -> serde_json::Value {
    json!({"from": "last"})
}

#[handler(group = -3, fields(x, ..))]
async fn first() -> serde_json::Value {
    json!({"from": "first"})
}

#[handler(fields(x = "a", ..))]
async fn middle_a() -> serde_json::Value {
    json!({"from": "middle a"})
}

#[handler(fields(x, ..))]
async fn middle() -> serde_json::Value {
    json!({"from": "middle"})
}

async fn replies(client: &mut Raw, text: &str, count: usize) -> Vec<String> {
    client.json(text).await;
    let mut replies = Vec::new();
    for _ in 0..count {
        replies.push(client.value().await["from"].as_str().unwrap().to_owned());
    }
    // Nothing else was said: the next thing is the answer to the next packet.
    client.json(r#"{"nobody": 1}"#).await;
    assert_eq!(client.value().await["from"], "last");
    replies
}

#[tokio::test]
async fn ascending_and_the_first_match_of_each() {
    let builder = Server::builder().register(last).register(middle).register(first).register(middle_a);
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(replies(&mut client, r#"{"x": "a"}"#, 3).await, ["first", "middle a", "last"]);
    assert_eq!(replies(&mut client, r#"{"x": "b"}"#, 3).await, ["first", "middle", "last"]);
    assert_eq!(replies(&mut client, r#"{"y": 1}"#, 1).await, ["last"]);
}

#[handler(order = 1)]
async fn asked_second() -> serde_json::Value {
    json!({"from": "second"})
}

#[handler(order = 2, filter = |_: &Client, packet: &Packet| packet.contains("x"))]
async fn asked_first_at_run_time() -> serde_json::Value {
    json!({"from": "first"})
}

#[tokio::test]
async fn order_decides_within_a_group_and_the_builder_goes_before_the_attribute() {
    let server =
        start(Server::builder().register(asked_second).register(asked_first_at_run_time).order(0)).await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"x": 1}"#).await["from"], "first");
    assert_eq!(client.ask(r#"{"y": 1}"#).await["from"], "second");
    let regrouped = start(Server::builder().register(last).group(-10).register(first)).await;
    let mut client = Raw::connect(&regrouped).await;
    client.json(r#"{"x": 1}"#).await;
    assert_eq!(client.value().await["from"], "last");
    assert_eq!(client.value().await["from"], "first");
}

#[handler(group = 0)]
async fn sends_and_returns(client: Client, #[field] n: u32) -> Result<serde_json::Value> {
    client.send(json!({"n": n, "at": 0})).await?;
    if n % 2 == 1 {
        // A handler that waits is polled later: what it sent goes out before what it returns all the same.
        tokio::task::yield_now().await;
    }
    client.send(json!({"n": n, "at": 1})).await?;
    Ok(json!({"n": n, "at": 2}))
}

#[handler(group = 1)]
async fn returns(#[field] n: u32) -> serde_json::Value {
    if n.is_multiple_of(3) {
        tokio::task::yield_now().await;
    }
    json!({"n": n, "at": 3})
}

#[handler(group = 2)]
async fn sends(client: Client, #[field] n: u32) -> Result<()> {
    client.send(json!({"n": n, "at": 4})).await
}

#[tokio::test]
async fn what_is_sent_and_what_is_returned_keeps_its_order() {
    let server = start(Server::builder().register(sends_and_returns).register(returns).register(sends)).await;
    let mut client = Raw::connect(&server).await;
    let bytes: Vec<u8> = (0..200).flat_map(|n| frame(JSON, format!(r#"{{"n": {n}}}"#).as_bytes())).collect();
    client.write(&bytes).await;
    for n in 0..200 {
        for at in 0..5 {
            assert_eq!(client.value().await, json!({"n": n, "at": at}));
        }
    }
}

/// A server of two groups of which the first is told by `first`; the second answers `{"from": "second"}`.
async fn behind<F, R>(first: F) -> (asyncapy::server::Running, Arc<AtomicUsize>)
where
    F: Fn(Client, Packet) -> R + Clone + Send + Sync + 'static,
    R: Future + Send + 'static,
    R::Output: asyncapy::handler::IntoReply,
{
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = ran.clone();
    let second = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { json!({"from": "second"}) }
    };
    (start(Server::builder().register_fn(first).group(-1).register_fn(second)).await, ran)
}

#[tokio::test]
async fn stop_propagation_stops() {
    let (server, ran) = behind(|_: Client, packet: Packet| async move {
        if packet.contains("stop") {
            packet.stop_propagation();
            // It runs on, and its reply is sent.
            tokio::task::yield_now().await;
        }
        json!({"from": "first"})
    })
    .await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"stop": 1}"#).await["from"], "first");
    // Only that packet is stopped.
    assert_eq!(client.ask(r#"{"go": 1}"#).await["from"], "first");
    assert_eq!(client.value().await["from"], "second");
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_old_packet_stops_nothing() {
    let kept = Arc::new(std::sync::Mutex::new(None::<Packet>));
    let (server, _) = behind(move |_: Client, packet: Packet| {
        // The packet before this one.
        if let Some(old) = kept.lock().unwrap().replace(packet) {
            old.stop_propagation();
        }
        async {}
    })
    .await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["from"], "second");
    assert_eq!(client.ask(r#"{"n": 2}"#).await["from"], "second");
}

#[tokio::test]
async fn stop_and_close_are_replies() {
    let (server, ran) = behind(|_: Client, packet: Packet| async move {
        if packet.contains("alone") { (None, Stop) } else { (Some(json!({"from": "first"})), Stop) }
    })
    .await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"alone": 1}"#).await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["from"], "first");
    assert_eq!(ran.load(Ordering::Relaxed), 0);

    let (server, ran) = behind(|_: Client, _: Packet| async { (json!({"from": "first"}), Close) }).await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["from"], "first");
    client.expect_closed().await;
    let (server, _) = behind(|_: Client, _: Packet| async { Close }).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"n": 1}"#).await;
    client.expect_closed().await;
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_close_keeps_the_packet_from_the_groups_behind() {
    let (server, ran) = behind(|client: Client, _: Packet| async move {
        client.close();
        json!({"from": "first"})
    })
    .await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["from"], "first");
    client.expect_closed().await;
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_failure_keeps_the_packet_from_the_groups_behind() {
    let (server, ran) = behind(|_: Client, packet: Packet| async move {
        if packet.contains("fail") { Err(Code::custom("ERR_OWN")) } else { Ok(()) }
    })
    .await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"fail": 1}"#).await;
    client.expect_error(JSON, "ERR_OWN").await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["from"], "second");
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_panic_costs_one_reply_and_tells_nothing() {
    let (server, ran) = behind(|client: Client, packet: Packet| async move {
        client.send(json!({"sent": "before"})).await.unwrap();
        if packet.contains("later") {
            tokio::task::yield_now().await;
        }
        if !packet.contains("well") {
            panic!("secret {packet}");
        }
    })
    .await;
    let mut client = Raw::connect(&server).await;
    for text in [r#"{"now": 1}"#, r#"{"later": 1}"#] {
        assert_eq!(client.ask(text).await, json!({"sent": "before"}));
        client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    }
    assert_eq!(client.ask(r#"{"well": 1}"#).await, json!({"sent": "before"}));
    assert_eq!(client.value().await["from"], "second");
    assert_eq!((ran.load(Ordering::Relaxed), server.handle().stats().panics), (1, 2));
}

#[tokio::test]
async fn a_filter_that_panics_costs_one_reply() {
    let builder = Server::builder()
        .register_fn(|| async { json!({"from": "first"}) })
        .filter(|_: &Client, packet: &Packet| {
            assert!(!packet.contains("bad"), "a bug in a filter");
            true
        })
        .register_fn(|| async { json!({"from": "second"}) })
        .group(1);
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"bad": 1}"#).await;
    client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    assert_eq!(client.ask(r#"{"n": 1}"#).await["from"], "first");
    assert_eq!(client.value().await["from"], "second");
    assert_eq!(server.handle().stats().panics, 1);
}

#[tokio::test]
async fn a_rejection_keeps_the_packet_from_the_groups_behind() {
    let builder =
        Server::builder().register(returns).register_fn(|| async { json!({"from": "second"}) }).group(2);
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"m": 1}"#).await;
    assert_eq!(client.error().await, "ERR_FIELD_MISSING");
    assert_eq!(client.ask(r#"{"n": 1}"#).await["n"], 1);
    assert_eq!(client.value().await["from"], "second");
}

#[tokio::test]
async fn no_handler_no_reply_but_a_word() {
    let builder = Server::builder()
        .register_fn(|| async {})
        .filter(Fields::new().present("quiet"))
        .register_fn(|| async { None::<Packet> })
        .filter(Fields::new().present("none"));
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    // A handler that ran and said nothing is not none at all.
    client.json(r#"{"quiet": 1}"#).await;
    client.json(r#"{"none": 1}"#).await;
    client.json(r#"{"other": 1}"#).await;
    client.expect_error(JSON, "ERR_NO_HANDLER").await;
    client.json(r#"{"other": 2}"#).await;
    client.expect_error(JSON, "ERR_NO_HANDLER").await;
}

#[tokio::test]
async fn packets_of_a_session_are_handled_one_at_a_time() {
    let inside = Arc::new(AtomicUsize::new(0));
    let (server, _) = behind(move |_: Client, packet: Packet| {
        let inside = inside.clone();
        async move {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
            for _ in 0..packet["turns"].as_u64().unwrap() {
                tokio::task::yield_now().await;
            }
            inside.fetch_sub(1, Ordering::SeqCst);
            packet.stop_propagation();
            packet
        }
    })
    .await;
    let mut client = Raw::connect(&server).await;
    let turns = [5, 0, 3, 0, 0, 8, 1];
    for turns in turns {
        client.json(&format!(r#"{{"turns": {turns}}}"#)).await;
    }
    for turns in turns {
        assert_eq!(client.value().await, json!({"turns": turns}));
    }
}
