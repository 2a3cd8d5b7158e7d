//! Unary calls over HTTP: results, statuses, headers.

use std::net::SocketAddr;
use std::time::Duration;

use asyncapy::gateway::Gateway;
use asyncapy::prelude::*;
use asyncapy::rpc::{Deadline, Metadata, Status};
use asyncapy::server::{Builder, Running};

use ::bytes::Bytes;
use asyncapy_tests::{Http, in_time};
use serde::Serialize;
use serde_json::{Value, json};

#[rpc(group = "gate")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn alone() {}

#[rpc(group = "gate.deep")]
async fn bytes() -> Bytes {
    Bytes::from_static(&[0, 159, 146, 150])
}

#[derive(Debug, Serialize)]
struct TooPoor {
    missing: u64,
}

impl std::fmt::Display for TooPoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} short", self.missing)
    }
}

impl asyncapy::Failure for TooPoor {
    fn code(&self) -> Code {
        Code::custom("ERR_TOO_POOR")
    }
}

#[rpc(group = "gate")]
async fn pay(amount: u64) -> Result<u64, TooPoor> {
    Err(TooPoor { missing: amount - 1 })
}

#[rpc(group = "gate", private)]
async fn hidden() -> u32 {
    1
}

#[rpc(group = "gate")]
async fn told(client: Client, #[extract] metadata: Metadata, #[extract] deadline: Deadline) -> Value {
    let all = |name: &str| metadata.text(name).map(str::to_owned);
    json!({
        "ip": client.address().to_string(),
        "tenant": all("tenant"),
        "trace": all("traceparent"),
        "timed": deadline.left().map(|left| left <= Duration::from_millis(5_000)),
    })
}

#[rpc(group = "gate")]
async fn sleepy() {
    std::future::pending::<()>().await;
}

#[rpc(group = "gate")]
async fn explode() {
    panic!("by design");
}

#[rpc(group = "gate")]
async fn fails() -> Result<(), Status> {
    Err(Status::new(Code::Overloaded))
}

pub(crate) fn server() -> Builder {
    Server::builder().linked_in(module_path!())
}

/// A server behind a gateway, and where that is.
pub(crate) async fn gateway(builder: Builder, set: impl FnOnce(Gateway) -> Gateway) -> (Running, SocketAddr) {
    let running = builder.build().unwrap().start_in_memory().await.unwrap();
    let listening = set(Gateway::new(&running.handle())).bind("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr().unwrap();
    tokio::spawn(async move { listening.serve().await.unwrap() });
    (running, address)
}

#[tokio::test]
async fn results_are_json() {
    let (_server, address) = gateway(server(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let response = http.call("/gate/add", r#"{"a": 20, "b": 22}"#).await;
    assert_eq!((response.status, response.text()), (200, "42"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3");
    assert_eq!(http.call("/alone", "{}").await.text(), "null");
    let nothing = http.ask("POST", "/alone", "", b"").await;
    assert_eq!((nothing.status, nothing.text()), (200, "null"));
    let raw = http.call("/gate.deep/bytes", "").await;
    assert_eq!(raw.body, [0, 159, 146, 150]);
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    let list = http.call("/asyncapy/functions", "").await.json();
    assert!(list.as_array().unwrap().iter().any(|function| function["name"] == "gate.deep.bytes"));
}

#[tokio::test]
async fn failures_have_statuses() {
    let (_server, address) = gateway(server(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    http.call("/no/such", "{}").await.expect_error(404, "ERR_FUNCTION_UNKNOWN");
    http.call("/a/b/c", "{}").await.expect_error(404, "ERR_FUNCTION_UNKNOWN");
    http.call("/", "{}").await.expect_error(404, "ERR_FUNCTION_UNKNOWN");
    let missing = http.call("/gate/add", r#"{"a": 1}"#).await;
    missing.expect_error(400, "ERR_FIELD_MISSING");
    assert_eq!(missing.json()["field"], "b");
    http.call("/gate/add", r#"{"a": 1, "b": "x"}"#).await.expect_error(400, "ERR_FIELD_INVALID");
    http.call("/gate/add", r#"{"a": 1, "b": 2, "c": 3}"#).await.expect_error(400, "ERR_FIELD_UNKNOWN");
    http.call("/gate/add", "{").await.expect_error(400, "ERR_REQUEST_MALFORMED");
    let deep = format!("{{\"a\": {}", "[".repeat(1000));
    http.call("/gate/add", &deep).await.expect_error(400, "ERR_PAYLOAD_TOO_COMPLEX");
    let poor = http.call("/gate/pay", r#"{"amount": 8}"#).await;
    poor.expect_error(422, "ERR_TOO_POOR");
    assert_eq!(poor.json()["details"], json!({"missing": 7}));
    http.call("/gate/explode", "").await.expect_error(500, "ERR_HANDLER_PANICKED");
    let busy = http.call("/gate/fails", "").await;
    busy.expect_error(503, "ERR_OVERLOADED");
    assert_eq!(busy.header("retry-after"), Some("1"));
    let late = http.ask("POST", "/gate/sleepy", "x-timeout-ms: 20\r\n", b"").await;
    late.expect_error(504, "ERR_DEADLINE_EXCEEDED");
    let late = http.ask("POST", "/gate/sleepy", "grpc-timeout: 20m\r\n", b"").await;
    late.expect_error(504, "ERR_DEADLINE_EXCEEDED");
    let wrong = http.ask("POST", "/gate/sleepy", "x-timeout-ms: soon\r\n", b"").await;
    wrong.expect_error(400, "ERR_FIELD_INVALID");
    assert_eq!(wrong.json()["field"], "x-timeout-ms");
    let get = http.ask("GET", "/gate/add", "", b"").await;
    get.expect_error(405, "ERR_REQUEST_MALFORMED");
    assert_eq!(get.header("allow"), Some("POST"));
    let form = http.ask("POST", "/gate/add", "content-type: text/plain\r\n", b"[1, 2]").await;
    form.expect_error(415, "ERR_REQUEST_MALFORMED");
    assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3", "the connection goes on");
}

#[tokio::test]
async fn a_status_can_be_chosen() {
    let set = |gateway: Gateway| gateway.status(Code::custom("ERR_TOO_POOR"), 402).unwrap();
    let (server, address) = gateway(server(), set).await;
    let poor = Http::connect(address).await.call("/gate/pay", "[1]").await;
    poor.expect_error(402, "ERR_TOO_POOR");
    for wrong in [200, 302, 600, 99] {
        let error = Gateway::new(&server.handle()).status(Code::Overloaded, wrong).unwrap_err();
        assert!(error.to_string().contains(&wrong.to_string()), "{error}");
    }
}

#[tokio::test]
async fn headers_go_along() {
    let (_server, address) = gateway(server(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let headers =
        "traceparent: 00-abc\r\nx-meta-tenant: acme\r\nx-timeout-ms: 5000\r\nx-forwarded-for: 192.0.2.1\r\n";
    let told = http.ask("POST", "/gate/told", headers, b"").await.json();
    assert_eq!(told, json!({"ip": "127.0.0.1", "tenant": "acme", "trace": "00-abc", "timed": true}));
    let told = http.call("/gate/told", "").await.json();
    assert_eq!(told, json!({"ip": "127.0.0.1", "tenant": null, "trace": null, "timed": null}));
}

#[tokio::test]
async fn a_proxy_speaks_for_others_only_where_it_is_trusted() {
    let (_server, address) = gateway(server(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let forged = "x-forwarded-for: 192.0.2.1\r\n";
    assert_eq!(http.ask("POST", "/gate/hidden", forged, b"").await.text(), "1");

    let set = |gateway: Gateway| gateway.trusted_proxy("127.0.0.0/8").unwrap();
    let (_server, address) = self::gateway(self::server(), set).await;
    let mut http = Http::connect(address).await;
    let refused = http.ask("POST", "/gate/hidden", forged, b"").await;
    refused.expect_error(403, "ERR_FUNCTION_PRIVATE");
    let told = http.ask("POST", "/gate/told", forged, b"").await.json();
    assert_eq!(told["ip"], "192.0.2.1");
    assert_eq!(http.ask("POST", "/gate/hidden", "", b"").await.text(), "1");
    let wrong = http.ask("POST", "/gate/hidden", "x-forwarded-for: me\r\n", b"").await;
    wrong.expect_error(400, "ERR_FIELD_INVALID");
}

#[tokio::test]
async fn it_is_a_router_like_any_other() {
    let running = server().build().unwrap().start_in_memory().await.unwrap();
    let gateway = Gateway::new(&running.handle()).page(true).into_router();
    let app = axum::Router::new().nest("/api", gateway);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let known = app.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, known).await });
    let mut http = Http::connect(address).await;
    assert_eq!(http.call("/api/gate/add", "[1, 2]").await.text(), "3");
    assert_eq!(http.call("/api/gate/told", "").await.json()["ip"], "127.0.0.1");
    let page = http.ask("GET", "/api", "", b"").await;
    assert!(page.text().contains("<base href=\"api/\">"), "{}", page.text());
    assert_eq!(http.ask("GET", "/api/page.js", "", b"").await.status, 200);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let unknown = Http::connect(address).await.call("/api/gate/add", "[1, 2]").await;
    unknown.expect_error(500, "ERR_HANDLER_FAILED");
}

#[tokio::test]
async fn the_server_takes_its_gateway_along() {
    let running = server().build().unwrap().start_in_memory().await.unwrap();
    let listening = Gateway::new(&running.handle()).bind("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr().unwrap();
    let served = tokio::spawn(listening.serve());
    let mut idle = Http::connect(address).await;
    assert_eq!(idle.call("/gate/add", "[1, 2]").await.text(), "3");
    let report = in_time("the shutdown", running.shutdown()).await.unwrap();
    assert_eq!(report.cut, 0, "{report:?}");
    in_time("the gateway's end", served).await.unwrap().unwrap();
    idle.expect_closed().await;
}
