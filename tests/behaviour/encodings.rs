//! The encoding of replies is that of the session's first packet (protocol V2, rule 5); values survive the way from one
//! encoding to the other (rules 8 and 10).

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy_tests::{JSON, Raw, ZIPROTO, decode, echo, start};

#[tokio::test]
async fn an_echo_in_its_own_encoding_is_the_same_bytes() {
    let server = start(echo()).await;
    let odd = br#" { "b" :1.50e0 ,"a":"\u0041" , "b2": [ ] } "#;
    let mut client = Raw::connect(&server).await;
    client.send(JSON, odd).await;
    client.expect(JSON, odd).await;
    // A long form where a short one would do, and `bin`.
    let odd = b"\xde\x00\x02\xa1a\xcd\x00\x01\xa1b\xc4\x02\xff\x00";
    let mut client = Raw::connect(&server).await;
    client.send(ZIPROTO, odd).await;
    client.expect(ZIPROTO, odd).await;
}

#[tokio::test]
async fn the_first_packet_decides() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.send(JSON, br#"{"n": 1}"#).await;
    client.expect(JSON, br#"{"n": 1}"#).await;
    client.send(ZIPROTO, b"\x81\xa1n\x02").await;
    let (encoding, payload) = client.frame().await.unwrap();
    assert_eq!((encoding, decode(JSON, &payload)), (JSON, json!({"n": 2})));

    let mut client = Raw::connect(&server).await;
    client.send(ZIPROTO, b"\x81\xa1n\x02").await;
    client.expect(ZIPROTO, b"\x81\xa1n\x02").await;
    client.json(r#"{"n": [1, -1, 1.5, null, true, "x", {"k": 300}]}"#).await;
    let (encoding, payload) = client.frame().await.unwrap();
    assert_eq!(encoding, ZIPROTO);
    assert_eq!(decode(ZIPROTO, &payload), json!({"n": [1, -1, 1.5, null, true, "x", {"k": 300}]}));
    // What the server says by itself is in that encoding too.
    let silent = start(Server::builder()).await;
    let mut client = Raw::connect(&silent).await;
    client.send(ZIPROTO, b"\x81\xa1n\x02").await;
    client.expect_error(ZIPROTO, "ERR_NO_HANDLER").await;
    client.send(JSON, br#"{"n": 1}"#).await;
    client.expect_error(ZIPROTO, "ERR_NO_HANDLER").await;
}

#[tokio::test]
async fn keys_that_are_no_strings_are_read_as_their_json_text() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.json("{\"a\":1}").await;
    client.value().await;
    // {1: 1, true: 2, nil: 3, -5: 4}
    client.send(ZIPROTO, b"\x84\x01\x01\xc3\x02\xc0\x03\xfb\x04").await;
    assert_eq!(client.value().await, json!({"1": 1, "true": 2, "null": 3, "-5": 4}));
}

#[tokio::test]
async fn bytes_reach_a_json_session_as_numbers() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"a": 1}"#).await;
    client.send(ZIPROTO, b"\x81\xa1b\xc4\x03\x00\x7f\xff").await;
    let reply = client.value().await;
    assert!(reply["b"].is_array() || reply["b"].is_string(), "{reply}");
}

#[tokio::test]
async fn what_json_cannot_say_fails_the_reply_and_not_the_session() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"a": 1}"#).await;
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut payload = b"\x81\xa1x\xcb".to_vec();
        payload.extend(number.to_be_bytes());
        client.send(ZIPROTO, &payload).await;
        client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    }
    // A whole reply that a handler made is refused as well.
    assert_eq!(client.ask(r#"{"still": "here"}"#).await, json!({"still": "here"}));
    // In ZiProto there is nothing wrong with it.
    let mut client = Raw::connect(&server).await;
    let mut payload = b"\x81\xa1x\xcb".to_vec();
    payload.extend(f64::NAN.to_be_bytes());
    client.send(ZIPROTO, &payload).await;
    client.expect(ZIPROTO, &payload).await;
}

#[tokio::test]
async fn integers_of_any_size_go_through_json() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let big = br#"{"big": 123456789012345678901234567890, "small": -9223372036854775808, "wide": 18446744073709551615}"#;
    client.send(JSON, big).await;
    client.expect(JSON, big).await;
    // ZiProto ends at 64 bits: the reply fails, the session stays.
    let mut client = Raw::connect(&server).await;
    client.send(ZIPROTO, b"\x81\xa1n\x02").await;
    client.value().await;
    client.json(r#"{"wide": 18446744073709551615, "small": -9223372036854775808}"#).await;
    assert_eq!(client.value().await, json!({"wide": u64::MAX, "small": i64::MIN}));
    client.send(JSON, big).await;
    client.expect_error(ZIPROTO, "ERR_HANDLER_FAILED").await;
    client.send(ZIPROTO, b"\x81\xa1n\x02").await;
    client.expect(ZIPROTO, b"\x81\xa1n\x02").await;
}

#[tokio::test]
async fn floats_come_back_as_they_went() {
    #[derive(Packet)]
    struct Number {
        x: f64,
    }
    let server =
        start(Server::builder().register_fn(|asyncapy::Typed(number): asyncapy::Typed<Number>| async move {
            Number { x: number.x }
        }))
        .await;
    let mut client = Raw::connect(&server).await;
    for text in ["0.1", "1e300", "2.2250738585072014e-308", "9007199254740993.0", "-0.0", "5e-324"] {
        let reply = client.ask(&format!(r#"{{"x": {text}}}"#)).await;
        let expected: f64 = text.parse().unwrap();
        assert_eq!(reply["x"].as_f64().map(f64::to_bits), Some(expected.to_bits()), "{text}");
    }
}
