//! Any fragmentation, and any number of packets in a segment, give the same replies in the same order (protocol V2,
//! rule 1).

use asyncapy::wire::ByteOrder;
use asyncapy_tests::{JSON, Raw, ZIPROTO, at_rest, echo, frame, frame_as, start};
use serde_json::json;

/// Packets of all sizes: short, as long as a read buffer, much longer.
fn payloads() -> Vec<Vec<u8>> {
    [0, 1, 100, 4_000, 16 * 1024, 70_000]
        .iter()
        .enumerate()
        .map(|(at, size)| json!({"at": at, "text": "é".repeat(*size)}).to_string().into_bytes())
        .collect()
}

#[tokio::test]
async fn a_packet_may_come_byte_by_byte() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let payload = br#"{"user": "ann", "list": [1, 2.5, null, true]}"#;
    for byte in frame(JSON, payload) {
        client.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect(JSON, payload).await;
}

#[tokio::test]
async fn a_packet_may_be_cut_anywhere() {
    let server = start(echo()).await;
    let payload = b"\x82\xa4user\xa3ann\xa1n\x05";
    let bytes = frame(ZIPROTO, payload);
    let mut client = Raw::connect(&server).await;
    for cut in 1..bytes.len() {
        client.write(&bytes[..cut]).await;
        tokio::task::yield_now().await;
        client.write(&bytes[cut..]).await;
        client.expect(ZIPROTO, payload).await;
    }
}

#[tokio::test]
async fn many_packets_in_one_segment_are_answered_in_order() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let payloads: Vec<_> = (0..500).map(|at| format!(r#"{{"at": {at}}}"#).into_bytes()).collect();
    let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(JSON, payload)).collect();
    client.write(&bytes).await;
    for payload in &payloads {
        client.expect(JSON, payload).await;
    }
    assert_eq!(server.handle().stats().packets, 500);
}

#[tokio::test]
async fn segments_that_fit_no_packet_change_nothing() {
    let payloads = payloads();
    for (header, big) in [(4, true), (4, false), (8, true), (8, false)] {
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        let server = start(echo().header_size(header).byte_order(order)).await;
        let bytes: Vec<u8> =
            payloads.iter().flat_map(|payload| frame_as(header, big, JSON, payload)).collect();
        for size in [1_000, 16 * 1024, 16 * 1024 + 1, 100_000, usize::MAX] {
            let mut client = Raw::connect(&server).await.framed(header, big);
            for segment in bytes.chunks(size) {
                client.write(segment).await;
                tokio::task::yield_now().await;
            }
            client.half_close().await;
            for payload in &payloads {
                client.expect(JSON, payload).await;
            }
            client.expect_closed().await;
        }
        at_rest(&server.handle()).await;
    }
}

#[tokio::test]
async fn one_and_two_byte_headers_carry_what_they_can_say() {
    for (header, most) in [(1, 255), (2, 65_535)] {
        for big in [true, false] {
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let server = start(echo().header_size(header).byte_order(order)).await;
            let mut client = Raw::connect(&server).await.framed(header, big);
            let payload = json!({"a": "x".repeat(most - 2 - 8)}).to_string().into_bytes();
            assert_eq!(payload.len(), most - 2);
            client.send(JSON, &payload).await;
            client.expect(JSON, &payload).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_half_closes_gets_all_its_replies() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let bytes: Vec<u8> =
        (0..50).flat_map(|at| frame(JSON, format!(r#"{{"at": {at}}}"#).as_bytes())).collect();
    client.write(&bytes).await;
    client.half_close().await;
    for at in 0..50 {
        assert_eq!(client.value().await["at"], at);
    }
    client.expect_closed().await;
    at_rest(&server.handle()).await;
}
