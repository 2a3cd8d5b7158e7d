//! `asyncapy keys` and `asyncapy cert`.

use std::path::Path;

use serde_json::{Value, json};

use super::{Scratch, Serving, expect};

#[test]
fn a_key_is_issued_found_reissued_and_revoked() {
    let scratch = Scratch::new();
    let store = scratch.path("keys.redb");
    let keys =
        |code: i32, arguments: &[&str]| expect(code, &[&["keys", "--store", &store], arguments].concat());
    let missing = keys(1, &["list"]);
    assert!(missing.err.contains("no such store") && !Path::new(&store).exists(), "{missing:?}");

    let key = keys(0, &["issue", "customer=acme", "seats:=3"]).out;
    let other = keys(0, &["issue", "--metadata", "{\"customer\": \"umbrella\"}"]).out;
    let (key, other) = (key.trim_end(), other.trim_end());
    assert!(key.starts_with("ak_") && key != other);
    let id = &key[3..19];

    let list = keys(0, &["list"]).out;
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(
        list.starts_with("ID ") && list.contains(id) && list.contains("umbrella") && !list.contains(key),
        "{list}"
    );
    let lines = keys(0, &["list", "--json"]).out;
    let ids: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert!(ids.contains(&json!(id)) && ids.contains(&json!(other[3..19])), "{lines}");
    for name in [id, key] {
        let shown: Value = serde_json::from_str(&keys(0, &["show", name]).out).unwrap();
        assert_eq!(
            (&shown["id"], &shown["metadata"]),
            (&json!(id), &json!({"customer": "acme", "seats": 3}))
        );
        assert_eq!(shown["reissued_at"], Value::Null);
    }

    let new = keys(0, &["reissue", id]).out;
    assert_eq!(&new[3..19], id);
    assert!(keys(1, &["show", key]).err.contains("no such API key"));
    assert_ne!(keys(0, &["show", new.trim_end()]).out, "");
    keys(0, &["revoke", new.trim_end()]);
    keys(0, &["revoke", &other[3..19]]);
    keys(1, &["revoke", id]);
    assert_eq!(keys(0, &["list"]).out.lines().count(), 1);
    keys(2, &["issue", "--metadata", "[]"]);
    keys(2, &["issue", "a=1", "a=2"]);
}

#[test]
fn certificates_made_here_let_a_server_and_a_client_meet() {
    let scratch = Scratch::new();
    let dir = scratch.path("certs");
    let cert = |code: i32, arguments: &[&str]| expect(code, &[&["cert", "--dir", &dir], arguments].concat());
    let early = cert(1, &["server", "localhost"]);
    assert!(early.err.contains("authority NAME"), "{early:?}");
    let pem = |name: &str| format!("{dir}/{name}.pem");
    let key = |name: &str| format!("{dir}/{name}.key");
    for (arguments, name) in [
        (&["authority", "the tests"][..], "authority"),
        (&["server", "localhost", "127.0.0.1"], "localhost"),
        (&["client", "alice", "--days", "7"], "alice"),
    ] {
        assert_eq!(cert(0, arguments).out, format!("{}\n{}\n", pem(name), key(name)));
    }
    assert!(cert(1, &["client", "alice"]).err.contains("--force"));
    cert(0, &["client", "alice", "--force"]);
    let authority = std::fs::read(pem("authority")).unwrap();
    cert(1, &["authority", "another", "--force"]);
    cert(2, &["client", "authority", "--force"]);
    assert_eq!(std::fs::read(pem("authority")).unwrap(), authority, "an authority is never overwritten");

    let tls = [
        "--tls-cert",
        &pem("localhost"),
        "--tls-key",
        &key("localhost"),
        "--tls-client-ca",
        &pem("authority"),
    ];
    let serving = Serving::start(&tls);
    let url = format!("tls://{}", serving.address);
    let trusting = ["--tls-ca", &pem("authority")];
    let own = ["--cert", &pem("alice"), "--key", &key("alice")];
    for url in [&url, &serving.address] {
        let said = expect(0, &[&["send", url, "a=1"], &trusting[..], &own[..]].concat());
        assert_eq!(said.out, "{\"a\":\"1\"}\n");
    }
    // Without a certificate of its own; and in the clear.
    expect(3, &[&["send", &url, "a=1"], &trusting[..]].concat());
    expect(3, &["send", &serving.address, "a=1"]);
    expect(2, &[&["send", &format!("tcp://{}", serving.address), "a=1"], &trusting[..]].concat());
    assert_eq!(serving.stop("TERM").code, 0);
}
