//! What a handler returns is the reply.

use std::borrow::Cow;
use std::fmt;

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::server::logging::LogLevel;
use asyncapy_tests::{JSON, Log, Raw, ZIPROTO, start};

#[derive(Packet)]
struct Welcome {
    user: String,
    #[serde(rename = "loginCount")]
    logins: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[handler(fields(typed))]
async fn typed(#[field] typed: String) -> Welcome {
    Welcome { user: typed, logins: 3, note: None }
}

#[handler(fields(json))]
async fn json_map() -> serde_json::Value {
    json!({"a": [1, null], "b": {"c": 1.5}})
}

#[handler(fields(packet))]
async fn packet(packet: Packet) -> Packet {
    packet
}

#[handler(fields(option))]
async fn option(#[field] option: bool) -> Option<Welcome> {
    option.then(|| Welcome { user: "some".into(), logins: 0, note: Some("x".into()) })
}

#[handler(fields(result))]
async fn result(#[field] result: u32) -> Result<Welcome, LoginError> {
    match result {
        0 => Ok(Welcome { user: "ok".into(), logins: 1, note: None }),
        1 => Err(LoginError::BadPin),
        2 => Err(LoginError::Locked { minutes: 5 }),
        3 => Err(LoginError::Named),
        _ => Err(LoginError::Database(std::io::Error::other("secret: the disk is on fire"))),
    }
}

#[derive(Debug, Failure)]
enum LoginError {
    #[failure(field = "result")]
    BadPin,
    #[failure(message = "locked for {minutes} minutes")]
    Locked { minutes: u32 },
    #[failure(code = "ERR_OF_MY_OWN", message = "say \"it\" well", field = "a\"b")]
    Named,
    #[failure(code = "ERR_HANDLER_FAILED")]
    Database(#[allow(dead_code, reason = "it is the log's")] std::io::Error),
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[handler(fields(library))]
async fn library() -> Result<()> {
    Err(std::io::Error::other("secret").into())
}

#[handler(fields(boxed))]
async fn boxed() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err("secret".into())
}

#[handler(fields(no_map))]
async fn no_map() -> serde_json::Value {
    json!([1, 2])
}

#[handler(fields(code))]
async fn code() -> Result<(), Code> {
    Err(Code::Unauthorized)
}

struct Own;

impl Failure for Own {
    fn code(&self) -> Code {
        Code::custom("ERR_OWN")
    }

    fn field(&self) -> Option<Cow<'_, str>> {
        Some("pin".into())
    }
}

#[handler(fields(own))]
async fn own() -> Result<Packet, Own> {
    Err(Own)
}

async fn client() -> (asyncapy::server::Running, Raw) {
    let builder = Server::builder()
        .register(typed)
        .register(json_map)
        .register(packet)
        .register(option)
        .register(result)
        .register(library)
        .register(boxed)
        .register(no_map)
        .register(code)
        .register(own);
    let server = start(builder).await;
    let client = Raw::connect(&server).await;
    (server, client)
}

#[tokio::test]
async fn values() {
    let (_server, mut client) = client().await;
    assert_eq!(client.ask(r#"{"typed": "ann"}"#).await, json!({"user": "ann", "loginCount": 3}));
    assert_eq!(client.ask(r#"{"json": 1}"#).await, json!({"a": [1, null], "b": {"c": 1.5}}));
    client.json(r#"{"packet" :  1}"#).await;
    client.expect(JSON, br#"{"packet" :  1}"#).await;
    client.json(r#"{"option": false}"#).await;
    assert_eq!(
        client.ask(r#"{"option": true}"#).await,
        json!({"user": "some", "loginCount": 0, "note": "x"})
    );
    assert_eq!(client.ask(r#"{"result": 0}"#).await["user"], "ok");
}

#[tokio::test]
async fn values_in_ziproto() {
    let (_server, mut client) = client().await;
    client.send(ZIPROTO, b"\x81\xa5typed\xa3ann").await;
    client.expect(ZIPROTO, b"\x82\xa4user\xa3ann\xaaloginCount\x03").await;
    client.send(ZIPROTO, b"\x81\xa6result\x01").await;
    client.expect(ZIPROTO, b"\x83\xa6status\xa7failure\xa5error\xabERR_BAD_PIN\xa5field\xa6result").await;
}

#[tokio::test]
async fn failures_have_codes_of_their_own() {
    let (_server, mut client) = client().await;
    for (text, reply) in [
        (r#"{"result": 1}"#, r#"{"status": "failure", "error": "ERR_BAD_PIN", "field": "result"}"#),
        (
            r#"{"result": 2}"#,
            r#"{"status": "failure", "error": "ERR_LOCKED", "message": "locked for 5 minutes"}"#,
        ),
        (
            r#"{"result": 3}"#,
            r#"{"status": "failure", "error": "ERR_OF_MY_OWN", "message": "say \"it\" well", "field": "a\"b"}"#,
        ),
        (r#"{"code": 1}"#, r#"{"status": "failure", "error": "ERR_UNAUTHORIZED"}"#),
        (r#"{"own": 1}"#, r#"{"status": "failure", "error": "ERR_OWN", "field": "pin"}"#),
    ] {
        client.json(text).await;
        client.expect(JSON, reply.as_bytes()).await;
    }
}

#[tokio::test]
async fn what_is_internal_goes_to_the_log_alone() {
    let log = Log::listen(LogLevel::Error);
    let (_server, mut client) = client().await;
    for text in [r#"{"library": 1}"#, r#"{"boxed": 1}"#, r#"{"no_map": 1}"#, r#"{"result": 9}"#] {
        client.json(text).await;
        client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    }
    let text = log.text();
    assert!(text.matches("secret").count() >= 2, "{text}");
    assert!(text.lines().all(|line| line.starts_with("[ERROR] ")), "{text}");
}

#[tokio::test]
async fn a_reply_too_long_for_the_header_fails_alone() {
    let server = start(
        Server::builder()
            .register_fn(|packet: Packet| async move {
                let length = usize::try_from(packet["length"].as_u64().unwrap()).unwrap();
                json!({"text": "x".repeat(length)})
            })
            .header_size(1),
    )
    .await;
    let mut client = Raw::connect(&server).await.framed(1, true);
    assert_eq!(client.ask(r#"{"length": 200}"#).await["text"].as_str().unwrap().len(), 200);
    client.json(r#"{"length": 300}"#).await;
    client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    assert_eq!(client.ask(r#"{"length": 2}"#).await["text"], "xx");
}
