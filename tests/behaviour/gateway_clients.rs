//! Who may call over HTTP: pages of browsers, guards, bans, the page of the gateway itself.

use asyncapy::gateway::Gateway;
use asyncapy::prelude::*;
use asyncapy::rpc::Status;
use asyncapy::security::ApiKeys;
use asyncapy::server::guard::{AddressList, Refusal};
use asyncapy_tests::{Http, WebSocket};

use crate::gateway_calls::{gateway, server};

#[rpc(group = "door")]
async fn pipe(mut channel: Channel<u64, u64>) -> Result<(), Status> {
    while let Some(number) = channel.recv().await? {
        channel.send(number).await?;
    }
    Ok(())
}

fn origin(origin: &str) -> String {
    format!("content-type: application/json\r\norigin: {origin}\r\n")
}

#[tokio::test]
async fn foreign_pages_may_not_call() {
    let (_server, address) = gateway(server().register(pipe), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    for foreign in ["https://evil.example", "null", "http://127.0.0.1:1", "file://"] {
        let refused = http.ask("POST", "/gate/add", &origin(foreign), b"[1, 2]").await;
        refused.expect_error(403, "ERR_UNAUTHORIZED");
        assert_eq!(refused.header("access-control-allow-origin"), None);
        let refused = WebSocket::open(address, "/door/pipe", &origin(foreign)).await.unwrap_err();
        refused.expect_error(403, "ERR_UNAUTHORIZED");
        let refused = WebSocket::open(address, "/asyncaproto", &origin(foreign)).await.unwrap_err();
        refused.expect_error(403, "ERR_UNAUTHORIZED");
    }
    let rebound = format!("{}host: evil.example\r\n", origin("http://evil.example"));
    http.ask("POST", "/gate/add", &rebound, b"[1, 2]").await.expect_error(403, "ERR_UNAUTHORIZED");
    let own = origin(&format!("http://{address}"));
    assert_eq!(http.ask("POST", "/gate/add", &own, b"[1, 2]").await.text(), "3");
    assert!(WebSocket::open(address, "/door/pipe", &own).await.is_ok());
}

#[tokio::test]
async fn listed_pages_may_call() {
    let set = |gateway: Gateway| gateway.allow_origin("https://app.example").unwrap();
    let (_server, address) = gateway(server().register(pipe), set).await;
    let mut http = Http::connect(address).await;
    let app = origin("https://app.example");
    let answered = http.ask("POST", "/gate/add", &app, b"[1, 2]").await;
    assert_eq!(answered.text(), "3");
    assert_eq!(answered.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answered.header("vary"), Some("origin"));
    // A failure can be read as well.
    let failed = http.ask("POST", "/no/such", &app, b"").await;
    assert_eq!(failed.header("access-control-allow-origin"), Some("https://app.example"));
    let asked = "origin: https://app.example\r\naccess-control-request-method: POST\r\n\
                 access-control-request-headers: content-type,x-meta-tenant,x-evil\r\n";
    let preflight = http.ask("OPTIONS", "/gate/add", asked, b"").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type, x-meta-tenant"));
    assert!(WebSocket::open(address, "/door/pipe", &app).await.is_ok());
    let other = "origin: https://other.example\r\naccess-control-request-method: POST\r\n";
    http.ask("OPTIONS", "/gate/add", other, b"").await.expect_error(403, "ERR_UNAUTHORIZED");
    http.ask("OPTIONS", "/gate/add", "", b"").await.expect_error(405, "ERR_REQUEST_MALFORMED");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_told() {
    let running = server().build().unwrap().start_in_memory().await.unwrap();
    let gateway = || Gateway::new(&running.handle());
    for wrong in ["*", "app.example", "https://app.example/path"] {
        let error = gateway().allow_origin(wrong).unwrap_err().to_string();
        assert!(error.contains(wrong) && error.contains("is no origin"), "{error}");
    }
    let error = gateway().trusted_proxy("proxy.example").unwrap_err().to_string();
    assert!(error.contains("neither an address nor a network nor `unix`"), "{error}");
    let taken = gateway().bind("127.0.0.1:0").await.unwrap();
    let error = gateway().bind(&taken.local_addr().unwrap().to_string()).await.unwrap_err().to_string();
    assert!(error.contains("cannot listen at"), "{error}");
}

#[tokio::test]
async fn guards_and_hooks_see_each_request() {
    let addresses = AddressList::default();
    let builder = server().connection_guard(addresses.clone()).on_connect(async |session: Session| {
        match session.address().ip().is_some_and(|ip| ip.is_loopback()) {
            true => Ok(()),
            false => Err(Refusal::new(Code::custom("ERR_FOREIGN")).message("only from here")),
        }
    });
    let set = |gateway: Gateway| gateway.trusted_proxy("127.0.0.1").unwrap();
    let (server, address) = gateway(builder, set).await;
    let mut http = Http::connect(address).await;
    assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3");
    let refused = http.ask("POST", "/alone", "x-forwarded-for: 192.0.2.1\r\n", b"").await;
    refused.expect_error(422, "ERR_FOREIGN");
    assert_eq!(refused.json()["message"], "only from here");
    addresses.block("192.0.2.0/24").unwrap();
    let refused = http.ask("POST", "/alone", "x-forwarded-for: 192.0.2.1\r\n", b"").await;
    refused.expect_error(401, "ERR_UNAUTHORIZED");
    server.handle().ban("192.0.2.9".parse().unwrap(), std::time::Duration::from_secs(60));
    let refused = http.ask("POST", "/alone", "x-forwarded-for: 192.0.2.9\r\n", b"").await;
    refused.expect_error(401, "ERR_UNAUTHORIZED");
    assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3");
}

#[tokio::test]
async fn the_page_is_off_unless_it_is_wanted() {
    let (_server, address) = gateway(server(), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    for path in ["/", "/page.js", "/page.css", "/asyncaproto.js", "/../Cargo.toml", "/page.html"] {
        http.ask("GET", path, "", b"").await.expect_error(404, "ERR_FUNCTION_UNKNOWN");
    }
    let (_server, address) = gateway(self::server(), |gateway| gateway.page(true)).await;
    let mut http = Http::connect(address).await;
    let page = http.ask("GET", "/", "", b"").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    // All that it needs is there, and comes from nowhere else.
    for file in ["page.js", "page.css", "page.svg"] {
        assert!(page.text().contains(&format!("\"{file}\"")));
        assert_eq!(http.ask("GET", &format!("/{file}"), "", b"").await.status, 200);
    }
    let client = http.ask("GET", "/asyncaproto.js", "", b"").await;
    assert_eq!((client.status, client.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    for text in [page.text(), client.text(), http.ask("GET", "/page.js", "", b"").await.text()] {
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"));
    }
    assert!(!page.text().contains("style=") && !page.text().contains("onclick"));
    http.ask("GET", "/page.html", "", b"").await.expect_error(404, "ERR_FUNCTION_UNKNOWN");
}

#[tokio::test]
async fn keys_come_in_headers_where_they_are_asked_for() {
    let keys = ApiKeys::in_memory();
    let key = keys.issue(serde_json::json!({"name": "browser"})).unwrap().as_str().to_owned();
    let (_server, address) = gateway(server().credentials(keys), |gateway| gateway).await;
    let mut http = Http::connect(address).await;
    let call = "content-type: application/json\r\n";
    let none = http.ask("POST", "/gate/add", call, b"[1, 2]").await;
    none.expect_error(401, "ERR_UNAUTHORIZED");
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    let wrong = format!("{call}x-api-key: wrong\r\n");
    http.ask("POST", "/gate/add", &wrong, b"[1, 2]").await.expect_error(401, "ERR_UNAUTHORIZED");
    for header in [format!("authorization: Bearer {key}"), format!("x-api-key: {key}")] {
        let headers = format!("{call}{header}\r\n");
        assert_eq!(http.ask("POST", "/gate/add", &headers, b"[1, 2]").await.text(), "3");
    }
}
