//! Middleware around the handlers of packets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncapy::handler::Flow;
use asyncapy::handler::middleware::{Extension, IncomingPacket, Next, PacketReply, Timeout, from_fn};
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, start};

#[handler(group = 1, fields(name))]
async fn greet(
    client: Client,
    #[field] name: String,
    seen: Option<Extension<&'static str>>,
) -> Result<serde_json::Value> {
    if name == "both" {
        client.send(json!({"first": true})).await?;
    }
    Ok(json!({"hello": name, "seen": seen.map(|seen| *seen.0)}))
}

#[handler(group = 2, fields(name))]
async fn after(packet: Packet) -> Result<serde_json::Value, Code> {
    packet.stop_propagation();
    match packet.get("name").and_then(|name| name.as_str()).as_deref() {
        Some("panic") => panic!("as asked for"),
        Some("fail") => Err(Code::custom("ERR_OF_MINE")),
        _ => Ok(json!({"after": true})),
    }
}

#[handler(group = 3)]
async fn last() -> serde_json::Value {
    json!({"last": true})
}

#[handler(group = 4, fields(wait))]
async fn waits() -> (Option<serde_json::Value>, Close) {
    std::future::pending::<()>().await;
    (None, Close)
}

#[tokio::test]
async fn it_sees_changes_and_answers() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let server = Server::builder()
        .register(greet)
        .register(after)
        .packet_middleware(from_fn(move |packet: IncomingPacket, next: Next| {
            let notes = notes.clone();
            async move {
                let handler = packet.handler().to_owned();
                let outcome = next.run(packet).await;
                let told = match &outcome {
                    Ok(reply) => format!("{handler}: {} {:?}", reply.packets.len(), reply.flow),
                    Err(rejection) => format!("{handler}: {rejection}"),
                };
                notes.lock().unwrap().push(told);
                outcome
            }
        }))
        .packet_middleware(from_fn(async |mut packet: IncomingPacket, next: Next| {
            tokio::task::yield_now().await;
            let name =
                packet.packet().get("name").and_then(|name| name.as_str().map(|name| name.into_owned()));
            match (packet.handler(), name.as_deref()) {
                ("greet", Some("itself")) => {
                    return Ok(PacketReply::new(json!({"answered": 1}))
                        .expect("a map")
                        .with_flow(Flow::Stop));
                }
                ("greet", Some("refused")) => return Err(Rejection::new(Code::Unauthorized).field("name")),
                ("greet", Some("changed")) => {
                    packet.replace(Packet::new(&json!({"name": "other"})).expect("a map"));
                }
                _ => {}
            }
            packet.insert("by middleware");
            let mut reply = next.run(packet).await?;
            if name.as_deref() == Some("quiet") {
                reply.packets.clear();
            }
            Ok(reply)
        }));
    let server = start(server).await;
    let mut client = Raw::connect(&server).await;
    let mut ask = async |name: &str, replies: &[&str]| {
        client.send(JSON, format!(r#"{{"name": "{name}"}}"#).as_bytes()).await;
        for reply in replies {
            client.expect(JSON, reply.as_bytes()).await;
        }
    };
    let after = r#"{"after":true}"#;
    ask("ada", &[r#"{"hello":"ada","seen":"by middleware"}"#, after]).await;
    ask("both", &[r#"{"first":true}"#, r#"{"hello":"both","seen":"by middleware"}"#, after]).await;
    ask("itself", &[r#"{"answered":1}"#]).await;
    ask("refused", &[r#"{"status": "failure", "error": "ERR_UNAUTHORIZED", "field": "name"}"#]).await;
    ask("changed", &[r#"{"hello":"other","seen":"by middleware"}"#, after]).await;
    ask("quiet", &[]).await;
    let failed = r#"{"status": "failure", "error": "ERR_OF_MINE"}"#;
    ask("fail", &[r#"{"hello":"fail","seen":"by middleware"}"#, failed]).await;
    let panicked = r#"{"status": "failure", "error": "ERR_HANDLER_FAILED"}"#;
    ask("panic", &[r#"{"hello":"panic","seen":"by middleware"}"#, panicked]).await;
    ask("itself", &[r#"{"answered":1}"#]).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen[..3], ["greet: 1 Continue", "after: 1 Continue", "greet: 1 Continue"]);
    assert!(seen.contains(&"greet: 1 Stop".to_owned()), "{seen:?}");
    assert!(seen.contains(&"greet: 0 Continue".to_owned()), "{seen:?}");
    assert!(seen.contains(&"after: ERR_OF_MINE".to_owned()), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn packets_still_stop_and_close() {
    let server = Server::builder()
        .register(greet)
        .register(after)
        .register(last)
        .register(waits)
        .packet_middleware(Timeout::new(Duration::from_secs(3)))
        .handler_timeout(Duration::from_secs(20));
    let running = server.build().unwrap().start_in_memory().await.unwrap();
    let client = running.handle().client().unwrap();
    // `after` has stopped the packet by its origin, which middleware leaves as it is.
    client.send(json!({"name": "ada"})).await.unwrap();
    assert_eq!(client.receive().await.unwrap()["hello"], "ada");
    assert_eq!(client.receive().await.unwrap()["after"], true);
    client.send(json!({"wait": 1})).await.unwrap();
    assert_eq!(client.receive().await.unwrap()["last"], true);
    assert_eq!(client.receive().await.unwrap()["error"], "ERR_HANDLER_TIMED_OUT");
}
