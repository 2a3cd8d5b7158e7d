//! Attack: payloads that are small to send and large to hold. They are refused before anything is built from them.

use std::time::Instant;

use asyncapy_tests::{JSON, Raw, ZIPROTO, at_rest, echo, frame, start};

const COMPLEX: &str = "ERR_PAYLOAD_TOO_COMPLEX";
const MALFORMED: &str = "ERR_REQUEST_MALFORMED";

/// A JSON map that nests so many lists.
fn nested_json(depth: usize) -> Vec<u8> {
    format!(r#"{{"a": {}{}}}"#, "[".repeat(depth), "]".repeat(depth)).into_bytes()
}

/// The same in ZiProto.
fn nested_ziproto(depth: usize) -> Vec<u8> {
    let mut payload = b"\x81\xa1a".to_vec();
    payload.extend(vec![0x91; depth - 1]);
    payload.push(0x90);
    payload
}

async fn refused(encoding: u8, payload: &[u8], code: &str) {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let began = Instant::now();
    client.write(&frame(encoding, payload)).await;
    client.expect_error(encoding, code).await;
    client.expect_closed().await;
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    drop(client);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn nesting() {
    // The map itself is one level of 64.
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.send(JSON, &nested_json(63)).await;
    client.expect(JSON, &nested_json(63)).await;
    let mut client = Raw::connect(&server).await;
    client.send(ZIPROTO, &nested_ziproto(63)).await;
    client.expect(ZIPROTO, &nested_ziproto(63)).await;
    for depth in [64, 65, 1_000, 100_000, 500_000] {
        refused(JSON, &nested_json(depth), COMPLEX).await;
        refused(ZIPROTO, &nested_ziproto(depth), COMPLEX).await;
    }
    // Never closed: what is too deep is too deep before it is malformed.
    let open = [&b"{\"a\": "[..], &vec![b'['; 100_000]].concat();
    refused(JSON, &open, COMPLEX).await;
    let maps = [&b"{\"a\":"[..]; 1_000].concat();
    refused(JSON, &maps, COMPLEX).await;
}

#[tokio::test]
async fn node_bombs() {
    // Three bytes of JSON for a value, one of ZiProto: a map, a list and 65,535 numbers are too many.
    let json = format!(r#"{{"a": [{}0]}}"#, "0,".repeat(65_535));
    refused(JSON, json.as_bytes(), COMPLEX).await;
    let mut ziproto = b"\x81\xa1a\xdd\x00\x01\x00\x00".to_vec();
    ziproto.extend(vec![0; 65_536]);
    refused(ZIPROTO, &ziproto, COMPLEX).await;
    // Empty lists in lists.
    let json = format!(r#"{{"a": [{}[]]}}"#, "[],".repeat(300_000));
    refused(JSON, json.as_bytes(), COMPLEX).await;
    // A wide map.
    let fields: Vec<_> = (0..70_000).map(|at| format!(r#""{at}":0"#)).collect();
    refused(JSON, format!("{{{}}}", fields.join(",")).as_bytes(), COMPLEX).await;
    // What is within the limit is not refused.
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let json = format!(r#"{{"a": [{}0]}}"#, "0,".repeat(30_000));
    client.json(&json).await;
    client.expect(JSON, json.as_bytes()).await;
}

#[tokio::test]
async fn lying_lengths() {
    for payload in [
        // A list, a map, a text and bytes of 4 GiB each.
        &b"\x81\xa1a\xdd\xff\xff\xff\xff"[..],
        b"\x81\xa1a\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xdb\xff\xff\xff\xff",
        b"\x81\xa1a\xc6\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdf\x7f\xff\xff\xff\xa1a\x01",
        // One more than there is.
        b"\x81\xa1a\x93\x01\x02",
        b"\x81\xa1a\xa3ab",
        b"\x81\xa1a\xc4\x02a",
    ] {
        refused(ZIPROTO, payload, MALFORMED).await;
    }
    // Lists of which each claims as many items as there are bytes left.
    let mut nested = b"\x81\xa1a".to_vec();
    for _ in 0..50 {
        nested.extend(b"\xdd\x00\x00\x40\x00");
    }
    nested.extend(vec![0; 20_000]);
    refused(ZIPROTO, &nested, MALFORMED).await;
}

#[tokio::test]
async fn limits_of_ones_own() {
    let server = start(echo().limits(|limits| {
        limits.payload.depth = 2;
        limits.payload.nodes = 5;
    }))
    .await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"a": [1, 2]}"#).await;
    client.expect(JSON, br#"{"a": [1, 2]}"#).await;
    client.json(r#"{"a": [[]]}"#).await;
    client.expect_error(JSON, COMPLEX).await;
    client.expect_closed().await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"a": [1, 2, 3, 4, 5]}"#).await;
    client.expect_error(JSON, COMPLEX).await;
    client.expect_closed().await;
}
