//! What a handler takes as arguments, and what the client is told where that is not to be had.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::Server;
use asyncapy::handler::{Extract, Request};
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, ZIPROTO, start};

#[derive(Packet)]
struct Login {
    user: String,
    pin: u32,
    tags: Option<Vec<String>>,
    #[serde(default)]
    level: i8,
}

#[handler(fields(all, ..))]
async fn all(
    client: Client,
    session: Session,
    packet: Packet,
    State(counter): State<Arc<AtomicU64>>,
    #[field] all: u64,
) -> serde_json::Value {
    let before = counter.fetch_add(all, Ordering::Relaxed);
    json!({"same": client.session() == session, "packet": packet.len(), "before": before, "all": all})
}

#[handler(fields(user, ..), order = 1)]
async fn login(Typed(login): Typed<Login>) -> serde_json::Value {
    json!({"user": login.user, "pin": login.pin, "tags": login.tags, "level": login.level})
}

#[handler(fields(try_user, ..), order = 2)]
async fn options(
    packet: Option<Packet>,
    state: Option<State<String>>,
    token: Option<Token>,
    why: Result<Token, Rejection>,
) -> serde_json::Value {
    json!({
        "packet": packet.is_some(),
        "state": state.map(|State(state)| state),
        "token": token.map(|token| token.0),
        "why": why.err().map(|rejection| rejection.to_string()),
    })
}

#[handler(fields(typed_or_why, ..), order = 3)]
async fn typed_or_why(login: Result<Typed<Login>, Rejection>) -> serde_json::Value {
    match login {
        Ok(Typed(login)) => json!({"user": login.user}),
        Err(rejection) => json!({"why": rejection.to_string()}),
    }
}

/// An extractor of one's own.
struct Token(String);

impl Extract for Token {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        match request.view().get("token").and_then(|value| value.as_str()) {
            Some(token) => Ok(Token(token.into_owned())),
            None => Err(Rejection::new(Code::Unauthorized).field("token").message("show your token")),
        }
    }
}

#[handler(fields(needs_token, ..), order = 4)]
async fn needs_token(token: Token) -> serde_json::Value {
    json!({"token": token.0})
}

fn two() -> u32 {
    2
}

#[handler(fields(single, ..), order = 5)]
async fn single(
    #[field("odd-name")] odd: Option<i64>,
    #[field(default)] tries: u8,
    #[field(default = two() * 3)] factor: u32,
    #[field] single: Option<String>,
    #[field(name = "list", default = vec![1])] items: Vec<u8>,
) -> serde_json::Value {
    json!({"odd": odd, "tries": tries, "factor": factor, "single": single, "items": items})
}

#[handler(fields(must, ..), order = 6)]
async fn must(#[field] must: u8) -> serde_json::Value {
    json!({"must": must})
}

async fn client() -> (asyncapy::server::Running, Raw) {
    let builder = Server::builder()
        .register(all)
        .register(login)
        .register(options)
        .register(typed_or_why)
        .register(needs_token)
        .register(single)
        .register(must)
        .state(Arc::new(AtomicU64::new(10)))
        .state("a state".to_owned());
    let server = start(builder).await;
    let client = Raw::connect(&server).await;
    (server, client)
}

#[tokio::test]
async fn each_of_them() {
    let (_server, mut client) = client().await;
    let reply = client.ask(r#"{"all": 5, "x": 1, "y": 2}"#).await;
    assert_eq!(reply, json!({"same": true, "packet": 3, "before": 10, "all": 5}));
    assert_eq!(client.ask(r#"{"all": 5}"#).await["before"], 15);
    assert_eq!(
        client.ask(r#"{"user": "ann", "pin": 7, "tags": ["a"], "level": -3, "more": 1}"#).await,
        json!({"user": "ann", "pin": 7, "tags": ["a"], "level": -3})
    );
    assert_eq!(
        client.ask(r#"{"pin": 7, "user": ""}"#).await,
        json!({"user": "", "pin": 7, "tags": null, "level": 0})
    );
    assert_eq!(client.ask(r#"{"needs_token": 1, "token": "t"}"#).await, json!({"token": "t"}));
}

#[tokio::test]
async fn option_and_result_leave_the_decision_to_the_handler() {
    let (_server, mut client) = client().await;
    assert_eq!(
        client.ask(r#"{"try_user": 1, "token": "t"}"#).await,
        json!({"packet": true, "state": "a state", "token": "t", "why": null})
    );
    assert_eq!(
        client.ask(r#"{"try_user": 1}"#).await,
        json!({"packet": true, "state": "a state", "token": null,
               "why": "ERR_UNAUTHORIZED (field `token`): show your token"})
    );
    assert_eq!(
        client.ask(r#"{"typed_or_why": 1, "pin": 1}"#).await["why"],
        "ERR_FIELD_MISSING (field `user`)"
    );
}

#[tokio::test]
async fn fields_and_their_defaults() {
    let (_server, mut client) = client().await;
    assert_eq!(
        client.ask(r#"{"single": null}"#).await,
        json!({"odd": null, "tries": 0, "factor": 6, "single": null, "items": [1]})
    );
    assert_eq!(
        client.ask(r#"{"single": "s", "odd-name": -1, "tries": 2, "factor": 1, "list": []}"#).await,
        json!({"odd": -1, "tries": 2, "factor": 1, "single": "s", "items": []})
    );
}

#[tokio::test]
async fn a_refusal_names_the_code_and_the_field() {
    let (_server, mut client) = client().await;
    for (packet, code, field) in [
        (r#"{"user": "ann"}"#, "ERR_FIELD_MISSING", "pin"),
        (r#"{"user": 5, "pin": 1}"#, "ERR_FIELD_INVALID", "user"),
        (r#"{"user": "ann", "pin": -1}"#, "ERR_FIELD_INVALID", "pin"),
        (r#"{"user": "ann", "pin": 4294967296}"#, "ERR_FIELD_INVALID", "pin"),
        (r#"{"user": "ann", "pin": 1.5}"#, "ERR_FIELD_INVALID", "pin"),
        (r#"{"user": "ann", "pin": "1"}"#, "ERR_FIELD_INVALID", "pin"),
        (r#"{"user": "ann", "pin": null}"#, "ERR_FIELD_INVALID", "pin"),
        (r#"{"user": "ann", "pin": 1, "pin": 2}"#, "ERR_FIELD_DUPLICATE", "pin"),
        (r#"{"user": "ann", "pin": 1, "tags": [1]}"#, "ERR_FIELD_INVALID", "tags"),
        (r#"{"user": "ann", "pin": 1, "level": 128}"#, "ERR_FIELD_INVALID", "level"),
        (r#"{"must": 256}"#, "ERR_FIELD_INVALID", "must"),
        (r#"{"must": []}"#, "ERR_FIELD_INVALID", "must"),
        (r#"{"single": 1}"#, "ERR_FIELD_INVALID", "single"),
        (r#"{"single": "s", "list": [1, 256]}"#, "ERR_FIELD_INVALID", "list"),
        (r#"{"needs_token": 1}"#, "ERR_UNAUTHORIZED", "token"),
        (r#"{"needs_token": 1, "token": 5}"#, "ERR_UNAUTHORIZED", "token"),
    ] {
        let reply = client.ask(packet).await;
        assert_eq!((&reply["error"], &reply["field"]), (&json!(code), &json!(field)), "{packet}: {reply}");
        assert_eq!(reply["status"], "failure");
    }
    // The session stays.
    assert_eq!(client.ask(r#"{"must": 255}"#).await, json!({"must": 255}));
}

#[tokio::test]
async fn a_refusal_is_the_same_bytes_every_time() {
    let (_server, mut client) = client().await;
    client.json(r#"{"user": "ann"}"#).await;
    client.expect(JSON, br#"{"status": "failure", "error": "ERR_FIELD_MISSING", "field": "pin"}"#).await;
    client.json(r#"{"needs_token": 1}"#).await;
    client
        .expect(
            JSON,
            br#"{"status": "failure", "error": "ERR_UNAUTHORIZED", "message": "show your token", "field": "token"}"#,
        )
        .await;
    client.json(r#"{"must": "secret"}"#).await;
    let (_, reply) = client.frame().await.unwrap();
    let text = String::from_utf8(reply).unwrap();
    assert!(
        text.starts_with(r#"{"status": "failure", "error": "ERR_FIELD_INVALID", "message": ""#),
        "{text}"
    );
    assert!(!text.contains("secret"), "what was received is not repeated: {text}");
}

#[tokio::test]
async fn typed_packets_of_both_encodings() {
    let (_server, mut client) = client().await;
    client.send(ZIPROTO, b"\x83\xa4user\xa3ann\xa3pin\xcd\x01\x00\xa4tags\x91\xa1x").await;
    assert_eq!(client.value().await, json!({"user": "ann", "pin": 256, "tags": ["x"], "level": 0}));
    client.send(ZIPROTO, b"\x81\xa4user\xa3ann").await;
    client.expect(ZIPROTO, b"\x83\xa6status\xa7failure\xa5error\xb1ERR_FIELD_MISSING\xa5field\xa3pin").await;
}

#[test]
fn a_state_that_is_missing_is_told_at_build() {
    let error = Server::builder().register(all).build().unwrap_err().to_string();
    assert!(error.contains("extractors.rs:") && error.contains("`all`"), "{error}");
    assert!(error.contains("AtomicU64"), "{error}");
    // An option does without.
    Server::builder().register(options).build().unwrap();
}
