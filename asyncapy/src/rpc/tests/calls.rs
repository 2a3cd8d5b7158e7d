use std::time::Duration;

use super::*;
use crate::Code;

#[tokio::test]
async fn a_call_has_its_result() {
    let peer = connect();
    assert_eq!(peer.call::<u64>("test.sum", (1, 2)).await.unwrap(), 3);
    assert_eq!(peer.call::<u64>("test.sum", serde_json::json!({"b": 1, "a": 2})).await.unwrap(), 3);
    let calls = (0..200u64).map(|n| {
        let peer = peer.clone();
        tokio::spawn(async move { peer.call::<u64>("test.sum", (n, n)).await })
    });
    for (n, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n as u64);
    }
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_do_not_hold_others_up() {
    let peer = connect();
    let slow = tokio::spawn({
        let peer = peer.clone();
        async move { peer.call::<u64>("test.later", (500,)).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(peer.call::<u64>("test.sum", (1, 2)).await.unwrap(), 3);
    assert!(!slow.is_finished());
    assert_eq!(slow.await.unwrap().unwrap(), 500);
}

#[tokio::test(start_paused = true)]
async fn failures_have_their_codes() {
    let peer = connect();
    let code = async |target: &'static str, arguments: serde_json::Value| {
        let status = peer.call::<u64>(target, arguments).await.unwrap_err();
        (status.code.clone(), status.field.clone())
    };
    use serde_json::json;
    assert_eq!(code("test.none", json!([])).await, (Code::FunctionUnknown, None));
    assert_eq!(code("test.sum", json!([1])).await, (Code::FieldMissing, Some("b".into())));
    assert_eq!(code("test.sum", json!({"a": 1, "b": "x"})).await, (Code::FieldInvalid, Some("b".into())));
    assert_eq!(
        code("test.sum", json!({"a": 1, "b": 1, "c": 1})).await,
        (Code::FieldUnknown, Some("c".into()))
    );
    assert_eq!(code("test.panic", json!([0])).await, (Code::HandlerPanicked, None));
    assert_eq!(code("test.panic", json!([1])).await, (Code::HandlerPanicked, None));
    let late = peer.call::<u64>("test.later", (5000,)).timeout(Duration::from_millis(100)).await;
    assert_eq!(late.unwrap_err().code, Code::DeadlineExceeded);
    peer.call::<()>("test.panic", (2,)).await.unwrap();
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test]
async fn a_stream_gives_its_items_in_order() {
    let peer = connect();
    let mut items = peer.stream::<u64>("test.count", (1000,)).await.unwrap();
    for n in 0..1000 {
        assert_eq!(items.next().await.unwrap().unwrap(), n);
    }
    assert!(items.next().await.is_none());
    let mut dropped = peer.stream::<u64>("test.count", (1_000_000_000u64,)).await.unwrap();
    assert_eq!(dropped.next().await.unwrap().unwrap(), 0);
    drop(dropped);
    assert_eq!(peer.call::<u64>("test.sum", (1, 2)).await.unwrap(), 3);
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test]
async fn a_channel_goes_both_ways() {
    let peer = connect();
    let mut channel = peer.channel::<u64, u64>("test.echo", ()).await.unwrap();
    for n in 0..500 {
        channel.send(n).await.unwrap();
        assert_eq!(channel.recv().await.unwrap(), Some(n));
    }
    channel.finish();
    assert_eq!(channel.recv().await.unwrap(), None);
    channel.result::<()>().await.unwrap();

    let total = peer.channel::<std::convert::Infallible, u64>("test.total", ());
    // Nobody can read an `Infallible`, and nobody has to.
    let total = total.await.unwrap();
    for n in 1..=100 {
        total.send(n).await.unwrap();
    }
    total.finish();
    assert_eq!(total.result::<u64>().await.unwrap(), 5050);
}

#[tokio::test]
async fn the_other_side_can_call_back() {
    let peer = connect();
    assert_eq!(peer.call::<u64>("test.back", ()).await.unwrap(), 42);
}
