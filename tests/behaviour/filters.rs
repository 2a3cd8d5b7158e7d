//! Which packets reach a handler: fields, addresses, API keys, filters of one's own, and all of them together.

use std::sync::LazyLock;

use asyncapy::Server;
use asyncapy::handler::filter::{ApiKey, Fields, Filter, Ip};
use asyncapy::prelude::*;
use asyncapy::security::ApiKeys;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{JSON, Raw, ZIPROTO, start};

/// Whether a packet reaches the handler.
async fn hits(client: &mut Raw, packet: &str) -> bool {
    let reply = client.ask(packet).await;
    match reply["error"].as_str() {
        None => reply["hit"] == true,
        Some(code) => {
            assert_eq!(code, "ERR_NO_HANDLER");
            false
        }
    }
}

async fn hit() -> serde_json::Value {
    json!({"hit": true})
}

async fn behind(filter: impl Filter) -> Running {
    start(Server::builder().register_fn(hit).filter(filter)).await
}

async fn check(filter: impl Filter, packets: &[(&str, bool)]) {
    let server = behind(filter).await;
    let mut client = Raw::connect(&server).await;
    for (packet, expected) in packets {
        assert_eq!(hits(&mut client, packet).await, *expected, "{packet}");
    }
}

#[tokio::test]
async fn fields_are_exact_unless_they_are_open() {
    let packets = [
        (r#"{"foo": 1, "bar": 2}"#, true),
        (r#"{"bar": null, "foo": []}"#, true),
        (r#"{"foo": 1}"#, false),
        (r#"{"foo": 1, "baz": 2}"#, false),
        (r#"{"Foo": 1, "bar": 2}"#, false),
    ];
    check(Fields::new().present("foo").present("bar"), &packets).await;
    check(Fields::new().present("foo").present("bar").open(), &packets).await;
    check(Fields::new().present("foo"), &[(r#"{"foo": 1, "bar": 2}"#, false), (r#"{"foo": 1}"#, true)]).await;
    check(
        Fields::new().present("foo").open(),
        &[(r#"{"foo": 1, "bar": 2}"#, true), (r#"{"bar": 1}"#, false)],
    )
    .await;
    check(Fields::new(), &[("{ }", true), (r#"{"a": 1}"#, false)]).await;
    check(Fields::new().open(), &[("{ }", true), (r#"{"a": 1}"#, true)]).await;
}

#[tokio::test]
async fn a_pattern_is_anchored_at_the_start_of_the_fields_text() {
    check(
        Fields::new().matching("foo", r"\d+"),
        &[
            (r#"{"foo": 12355}"#, true),
            (r#"{"foo": "12355"}"#, true),
            (r#"{"foo": "12 and more"}"#, true),
            (r#"{"foo": "a12"}"#, false),
            (r#"{"foo": -5}"#, false),
            (r#"{"foo": 1.5}"#, true),
            (r#"{"foo": ""}"#, false),
            (r#"{"foo": null}"#, false),
            (r#"{"foo": [1]}"#, false),
            (r#"{"foo": {"1": 1}}"#, false),
        ],
    )
    .await;
    check(
        Fields::new().matching("a", "true$").open(),
        &[
            (r#"{"a": true}"#, true),
            (r#"{"a": "true"}"#, true),
            (r#"{"a": false}"#, false),
            (r#"{"a": "truely"}"#, false),
        ],
    )
    .await;
    check(
        Fields::new().matching("a", "null"),
        &[(r#"{"a": null}"#, true), (r#"{"a": "nullify"}"#, true), (r#"{"a": 0}"#, false)],
    )
    .await;
    check(
        Fields::new().matching("a", "a|b"),
        &[(r#"{"a": "bcd"}"#, true), (r#"{"a": "cb"}"#, false), (r#"{"a": "ab"}"#, true)],
    )
    .await;
    check(Fields::new().matching("a", "(?i)get"), &[(r#"{"a": "GeTs"}"#, true), (r#"{"a": "set"}"#, false)])
        .await;
}

#[tokio::test]
async fn escapes_do_not_hide_a_field() {
    check(
        Fields::new().matching("né\"w", "é$"),
        &[
            (r#"{"né\"w": "é"}"#, true),
            (r#"{"n\u00e9\u0022w": "\u00E9"}"#, true),
            (r#"{"ne\"w": "é"}"#, false),
            (r#"{"n\u00e9\u0022w": "e"}"#, false),
        ],
    )
    .await;
}

#[tokio::test]
async fn nothing_rests_on_a_field_that_stands_twice() {
    for open in [true, false] {
        let fields = Fields::new().matching("a", "ok");
        check(
            if open { fields.open() } else { fields },
            &[
                (r#"{"a": "ok", "a": "ok"}"#, false),
                (r#"{"a": "ok", "\u0061": "no"}"#, false),
                (r#"{"a": "ok"}"#, true),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_text_too_long_for_a_pattern_does_not_match() {
    let long = "a".repeat(64 * 1024 + 1);
    check(
        Fields::new().matching("a", "a"),
        &[
            (&format!(r#"{{"a": "{long}"}}"#), false),
            (&format!(r#"{{"a": "{}"}}"#, &long[..64 * 1024]), true),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_encoding_makes_no_difference() {
    let server = behind(Fields::new().matching("1", r"-?\d+$").matching("t", "true")).await;
    let mut client = Raw::connect(&server).await;
    // {1: -200, "t": true}, {1: 2.5, "t": true}, {"1": "7", "t": "true"}
    for (payload, expected) in [
        (&b"\x82\x01\xd1\xff\x38\xa1t\xc3"[..], true),
        (b"\x82\x01\xcb\x40\x04\x00\x00\x00\x00\x00\x00\xa1t\xc3", false),
        (b"\x82\xa11\xa17\xa1t\xa4true", true),
        (b"\x82\xa11\xc4\x01\x37\xa1t\xc3", false),
    ] {
        client.send(ZIPROTO, payload).await;
        assert_eq!(client.value().await["hit"] == true, expected, "{payload:x?}");
    }
}

#[tokio::test]
async fn addresses_and_networks() {
    let server = behind(Ip::new(["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"]).unwrap()).await;
    let mut real = Raw::connect(&server).await;
    assert!(hits(&mut real, r#"{"a": 1}"#).await);
    for (address, expected) in [
        ("10.9.8.7", true),
        ("11.0.0.1", false),
        ("127.0.0.2", false),
        ("::1", true),
        ("::2", false),
        ("fd12:3456::1", true),
        ("fe80::1", false),
        ("::ffff:10.1.2.3", true),
        ("::ffff:192.168.0.1", false),
    ] {
        let stream = server.handle().connect_from(address.parse().unwrap()).unwrap();
        assert_eq!(hits(&mut Raw::over(stream), r#"{"a": 1}"#).await, expected, "{address}");
    }
}

static ALLOWED: LazyLock<Ip> = LazyLock::new(|| Ip::new(["10.0.0.1"]).unwrap());

#[handler(filter = ALLOWED)]
async fn for_the_allowed() -> serde_json::Value {
    hit().await
}

#[tokio::test]
async fn addresses_change_while_the_server_runs() {
    let kept = Ip::new(["10.0.0.1"]).unwrap();
    let by_value = behind(kept.clone()).await;
    let by_attribute = start(Server::builder().register(for_the_allowed)).await;
    for (list, server) in [(&kept, by_value), (&*ALLOWED, by_attribute)] {
        let mut client = Raw::connect(&server).await;
        assert!(!hits(&mut client, r#"{"a": 1}"#).await);
        list.allow("127.0.0.0/8").unwrap();
        assert!(hits(&mut client, r#"{"a": 1}"#).await);
        assert!(list.remove("127.0.0.0/8").unwrap());
        assert!(!hits(&mut client, r#"{"a": 1}"#).await);
        list.set(["127.0.0.1"]).unwrap();
        assert!(hits(&mut client, r#"{"a": 1}"#).await);
    }
}

static KEYS: LazyLock<ApiKeys> = LazyLock::new(ApiKeys::in_memory);

#[handler(fields(key, question), api_key(field = "key"))]
async fn by_state() -> serde_json::Value {
    hit().await
}

#[handler(api_key(field = "key", keys = KEYS))]
async fn by_static() -> serde_json::Value {
    hit().await
}

async fn keys_decide(builder: Builder, keys: ApiKeys) {
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    let key = keys.issue(json!({"name": "ann"})).unwrap();
    let packet = |key: &str| format!(r#"{{"key": {key}, "question": 1}}"#);
    let quoted = |key: &str| packet(&format!("{key:?}"));
    assert!(hits(&mut client, &quoted(key.as_str())).await);
    assert!(!hits(&mut client, &quoted("nonsense")).await);
    assert!(!hits(&mut client, &quoted("")).await);
    for other in ["null", "1", "true", "[]"] {
        assert!(!hits(&mut client, &packet(other)).await, "{other}");
    }
    // Twice is not once.
    let twice = format!(r#"{{"key": {0:?}, "key": {0:?}, "question": 1}}"#, key.as_str());
    assert!(!hits(&mut client, &twice).await);
    let next = keys.reissue(key.as_str()).unwrap();
    assert!(!hits(&mut client, &quoted(key.as_str())).await, "the old key died with the new one");
    assert!(hits(&mut client, &quoted(next.as_str())).await);
    keys.revoke(next.as_str()).unwrap();
    assert!(!hits(&mut client, &quoted(next.as_str())).await);
}

#[tokio::test]
async fn api_keys_of_the_state_of_a_static_and_of_a_value() {
    let keys = ApiKeys::in_memory();
    keys_decide(Server::builder().register(by_state).state(keys.clone()), keys).await;
    keys_decide(Server::builder().register(by_static), KEYS.clone()).await;
    let keys = ApiKeys::in_memory();
    keys_decide(Server::builder().register_fn(hit).filter(ApiKey::new("key").of(keys.clone())), keys).await;
    let keys = ApiKeys::in_memory();
    keys_decide(Server::builder().register_fn(hit).filter(ApiKey::new("key")).state(keys.clone()), keys)
        .await;
}

fn short(_: &Client, packet: &Packet) -> bool {
    packet.len() < 2
}

struct LongerThan(usize);

impl Filter for LongerThan {
    fn check(&self, client: &Client, packet: &Packet) -> bool {
        client.address().ip().is_some() && packet.len() > self.0
    }
}

#[handler(filter = short)]
async fn by_function() -> serde_json::Value {
    hit().await
}

#[handler(filter = LongerThan(1))]
async fn by_type() -> serde_json::Value {
    hit().await
}

#[tokio::test]
async fn filters_of_ones_own() {
    let packets = [(r#"{"a": 1}"#, true), (r#"{"a": 1, "b": 2}"#, false)];
    check(short, &packets).await;
    check(LongerThan(1).not(), &packets).await;
    check(|_: &Client, packet: &Packet| packet["a"] == 1 && packet.get("b").is_none(), &packets).await;
    for (server, expected) in [
        (start(Server::builder().register(by_function)).await, true),
        (start(Server::builder().register(by_type)).await, false),
    ] {
        let mut client = Raw::connect(&server).await;
        for (packet, hit) in packets {
            assert_eq!(hits(&mut client, packet).await, hit == expected, "{packet}");
        }
    }
}

#[tokio::test]
async fn and_or_not() {
    let a = || Fields::new().present("a").open();
    let b = || Fields::new().present("b").open();
    let packets = |only_a: bool, only_b: bool, both: bool, neither: bool| {
        [
            (r#"{"a": 1}"#, only_a),
            (r#"{"b": 1}"#, only_b),
            (r#"{"a": 1, "b": 1}"#, both),
            (r#"{"c": 1}"#, neither),
        ]
    };
    check(a().and(b()), &packets(false, false, true, false)).await;
    check(a().or(b()), &packets(true, true, true, false)).await;
    check(a().not(), &packets(false, true, false, true)).await;
    check(a().and(b().not()), &packets(true, false, false, false)).await;
    check(a().or(b()).not(), &packets(false, false, false, true)).await;
    check(a().and(b()).or(a().or(b()).not()), &packets(false, false, true, true)).await;
    let elsewhere = Ip::new(["10.0.0.1"]).unwrap();
    check(elsewhere.clone().or(a()), &packets(true, false, true, false)).await;
    check(elsewhere.not().and(a()), &packets(true, false, true, false)).await;
}

#[handler(fields(user = r"\w+", pin), ip = ["127.0.0.1", "10.0.0.0/8"], filter = short_pin)]
async fn by_attribute() -> serde_json::Value {
    hit().await
}

fn short_pin(_: &Client, packet: &Packet) -> bool {
    packet["pin"].as_u64().is_some_and(|pin| pin < 10_000)
}

#[handler]
async fn by_value() -> serde_json::Value {
    hit().await
}

#[tokio::test]
async fn the_same_filters_as_attribute_and_as_values() {
    let values = Server::builder()
        .register(by_value)
        .filter(Fields::new().matching("user", r"\w+").present("pin"))
        .filter(Ip::new(["127.0.0.1", "10.0.0.0/8"]).unwrap())
        .filter(short_pin);
    let values = start(values).await;
    let attribute = start(Server::builder().register(by_attribute)).await;
    for address in ["127.0.0.1", "10.1.1.1", "11.1.1.1"] {
        for packet in [
            r#"{"user": "ann", "pin": 1234}"#,
            r#"{"user": "ann", "pin": 12345}"#,
            r#"{"user": "-", "pin": 1234}"#,
            r#"{"user": "ann"}"#,
            r#"{"user": "ann", "pin": 1, "x": 1}"#,
        ] {
            let mut found = Vec::new();
            for server in [&values, &attribute] {
                let stream = server.handle().connect_from(address.parse().unwrap()).unwrap();
                found.push(hits(&mut Raw::over(stream), packet).await);
            }
            assert_eq!(found[0], found[1], "{address} {packet}");
            let expected = address != "11.1.1.1" && packet == r#"{"user": "ann", "pin": 1234}"#;
            assert_eq!(found[0], expected, "{address} {packet}");
        }
    }
}

/// A small generator of numbers: the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}

/// A route as the linear matcher sees it.
struct Naive {
    fields: Vec<(&'static str, Option<regex::Regex>)>,
    open: bool,
    anything: bool,
}

impl Naive {
    fn matches(&self, packet: &serde_json::Map<String, serde_json::Value>) -> bool {
        self.anything
            || (self.open || packet.len() == self.fields.len())
                && self.fields.iter().all(|(name, pattern)| match (packet.get(*name), pattern) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(serde_json::Value::String(text)), Some(pattern)) => pattern.is_match(text),
                    (Some(value), Some(pattern)) => {
                        !value.is_array() && !value.is_object() && pattern.is_match(&value.to_string())
                    }
                })
    }
}

const NAMES: [&str; 6] = ["a", "b", "c", "kind", "é", "op"];
const TEXTS: [&str; 12] =
    ["add", "additional", "ad", "sub", "12", "x12", "true", "null", "", "éa", "7f", "Add"];
const PATTERNS: [&str; 14] = [
    "add", "add$", "ad", "sub$", r"\d+", r"\d+$", "(x|s)", "true", "null", "", "é", "[a-z]+1", "(?i)ADD",
    "x12",
];

/// One server of many handlers against a walk through the list, one packet after the other.
async fn differential(seed: u64, handlers: usize, groups: usize) {
    let mut random = Random(seed);
    let mut builder = Server::builder();
    let mut naive = Vec::new();
    for at in 0..handlers {
        let group = at * groups / handlers;
        let mut fields = Fields::new();
        let mut expected =
            Naive { fields: Vec::new(), open: random.below(2) == 0, anything: random.below(200) == 0 };
        let first = random.below(NAMES.len());
        for offset in 0..random.below(4) {
            let name = NAMES[(first + offset) % NAMES.len()];
            // Some patterns are of this handler alone, as commands are.
            let own = format!("op{at}$");
            let pattern = match random.below(4) {
                0 => None,
                1 => Some(own.as_str()),
                _ => Some(random.pick(&PATTERNS)),
            };
            fields = match pattern {
                None => fields.present(name),
                Some(pattern) => fields.matching(name, pattern),
            };
            let regex = pattern.map(|pattern| regex::Regex::new(&format!("^(?:{pattern})")).unwrap());
            expected.fields.push((name, regex));
        }
        if expected.open {
            fields = fields.open();
        }
        let handler = move || async move { json!({"handler": at}) };
        builder = builder
            .register_fn(handler)
            .group(i32::try_from(group).unwrap())
            .order(i32::try_from(at).unwrap());
        // A filter that nobody can look into: no handler is then known to be shadowed.
        builder = builder.filter(|_: &Client, _: &Packet| true);
        if !expected.anything {
            builder = builder.filter(fields);
        }
        naive.push((group, expected));
    }
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    let mut hit = 0;
    for _ in 0..1_500 {
        let mut packet = serde_json::Map::new();
        let first = random.below(NAMES.len());
        for offset in 0..random.below(4) {
            let value = match random.below(6) {
                0 => json!(random.below(100)),
                1 => random.pick(&[json!(null), json!(true), json!(false), json!([1])].each_ref()).clone(),
                2 => json!(format!("op{}", random.below(handlers))),
                _ => json!(random.pick(&TEXTS)),
            };
            packet.insert(NAMES[(first + offset) % NAMES.len()].to_owned(), value);
        }
        let expected: Vec<usize> = (0..groups)
            .filter_map(|group| naive.iter().position(|(own, naive)| *own == group && naive.matches(&packet)))
            .collect();
        let text = serde_json::Value::from(packet).to_string();
        // Too short a map is no packet.
        client.send(JSON, format!("{text} ").as_bytes()).await;
        if expected.is_empty() {
            client.expect_error(JSON, "ERR_NO_HANDLER").await;
        }
        for handler in &expected {
            assert_eq!(client.value().await, json!({"handler": handler}), "{text}, seed {seed}");
        }
        hit += expected.len();
    }
    let least = if handlers < 100 { 5 } else { 500 };
    assert!(hit > least, "the packets must hit something: {hit} of seed {seed}");
}

#[tokio::test]
async fn the_index_finds_what_a_walk_through_the_list_finds() {
    for (seed, handlers, groups) in [(1, 1_000, 1), (2, 1_000, 7), (3, 40, 3), (4, 4, 1), (5, 200, 2)] {
        differential(seed, handlers, groups).await;
    }
}

#[tokio::test]
async fn each_of_a_thousand_handlers_is_found() {
    let mut builder = Server::builder();
    for at in 0..1_000 {
        let fields = match at % 4 {
            0 => Fields::new().matching("op", &format!("literal {at}$")),
            1 => Fields::new().matching("op", &format!(r"[p]attern\s{at}$")).open(),
            2 => Fields::new().present(format!("field {at}")),
            _ => Fields::new().matching("op", &format!("prefix {at}$")).present("x"),
        };
        builder = builder.register_fn(move || async move { json!({"handler": at}) }).filter(fields);
    }
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    for at in 0..1_000 {
        let packet = match at % 4 {
            0 => json!({"op": format!("literal {at}")}),
            1 => json!({"op": format!("pattern {at}"), "more": 1}),
            2 => json!({format!("field {at}"): null}),
            _ => json!({"x": 1, "op": format!("prefix {at}")}),
        };
        assert_eq!(client.ask(&packet.to_string()).await["handler"], at);
    }
}
