//! What is no packet gets one error packet, and then the connection closes (protocol V2, rules 2 and 3).

use asyncapy::wire::ByteOrder;
use asyncapy_tests::{JSON, Raw, ZIPROTO, at_rest, echo, frame, start};

/// Sends bytes to an echo server, expects one error packet byte for byte, and the end.
async fn refused(bytes: &[u8], encoding: u8, code: &str) {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.write(bytes).await;
    client.expect_error(encoding, code).await;
    client.expect_closed().await;
    drop(client);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn too_short() {
    for length in 0..5u8 {
        // Told before the version byte is looked at, and without waiting for it.
        refused(&[0, 0, 0, length], JSON, "ERR_REQUEST_MALFORMED").await;
        refused(&[0, 0, 0, length, 99, 99, 1, 1, 1], JSON, "ERR_REQUEST_MALFORMED").await;
    }
}

#[tokio::test]
async fn an_unknown_version() {
    for version in [0, 1, 21, 24, 255] {
        refused(&[0, 0, 0, 9, version], JSON, "ERR_HEADER_INVALID").await;
        // In JSON whatever the encoding byte says.
        refused(&[0, 0, 0, 9, version, 1, 0x81], JSON, "ERR_HEADER_INVALID").await;
    }
}

#[tokio::test]
async fn an_unknown_encoding() {
    for encoding in [2, 3, 127, 255] {
        refused(&[0, 0, 0, 9, 22, encoding], JSON, "ERR_HEADER_INVALID").await;
    }
}

#[tokio::test]
async fn json_that_is_none() {
    for payload in [
        &b"nonsense"[..],
        b"{\"a\": 1",
        b"{\"a\": 1}x",
        b"{\"a\" 1}",
        b"{a: 1}",
        b"{\"a\": 01}",
        b"{\"a\": .5}",
        b"{\"a\": NaN}",
        b"{\"a\": \"\x01\"}",
        b"{\"a\": \"\\x\"}",
        b"{\"a\": \"\\ud800\"}",
        b"{\"a\": \"\xff\"}",
        b"{\"a\": 1,}",
        b"   ",
        b"\x81\xa1a\x01",
    ] {
        refused(&frame(JSON, payload), JSON, "ERR_REQUEST_MALFORMED").await;
    }
}

#[tokio::test]
async fn json_that_is_no_map() {
    for payload in [&b"[1]"[..], b"123", b"true", b"null", b"\"text\"", b"1.5"] {
        let padded = [payload, b"    "].concat();
        refused(&frame(JSON, &padded), JSON, "ERR_REQUEST_MALFORMED").await;
    }
}

#[tokio::test]
async fn ziproto_that_is_none() {
    for payload in [
        &b"{\"a\": 1}"[..],
        b"\x81\xa1a\x01\x01",
        b"\x82\xa1a\x01",
        b"\x81\xa5ab",
        b"\x81\xa1a\xc1",
        b"\x81\xa1a\xd4\x01\x02",
        b"\x81\xa1a\xc7\x01\x01\x00",
        b"\x81\xa2\xff\xfe\x01",
        b"\x81\xa1a\xcd\x01",
        b"\x81\x91\x01\x01",
    ] {
        refused(&frame(ZIPROTO, payload), ZIPROTO, "ERR_REQUEST_MALFORMED").await;
    }
}

#[tokio::test]
async fn ziproto_that_is_no_map() {
    for payload in [&b"\x93\x01\x02\x03"[..], b"\xa2ab", b"\xcd\x01\x00", b"\xd2\x00\x00\x00\x01"] {
        refused(&frame(ZIPROTO, payload), ZIPROTO, "ERR_REQUEST_MALFORMED").await;
    }
}

#[tokio::test]
async fn the_error_is_in_the_encoding_that_the_packet_declares() {
    // Even where the session's encoding is the other one.
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"a": 1}"#).await;
    client.value().await;
    client.send(ZIPROTO, b"nonsense").await;
    client.expect_error(ZIPROTO, "ERR_REQUEST_MALFORMED").await;
    client.expect_closed().await;
}

#[tokio::test]
async fn packets_before_the_bad_one_are_answered() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    let mut bytes = frame(JSON, br#"{"a": 1}"#);
    bytes.extend(frame(JSON, br#"{"a": 2}"#));
    bytes.extend(frame(JSON, b"[1, 2]"));
    bytes.extend(frame(JSON, br#"{"a": 3}"#));
    client.write(&bytes).await;
    client.expect(JSON, br#"{"a": 1}"#).await;
    client.expect(JSON, br#"{"a": 2}"#).await;
    client.expect_error(JSON, "ERR_REQUEST_MALFORMED").await;
    client.expect_closed().await;
}

#[tokio::test]
async fn too_large_is_told_before_the_payload_is_sent() {
    let server = start(echo().max_packet_size(1000)).await;
    let mut client = Raw::connect(&server).await;
    let fits = format!(r#"{{"a": "{}"}}"#, "x".repeat(998 - 9));
    client.json(&fits).await;
    client.expect(JSON, fits.as_bytes()).await;
    // Not one byte more than the length, not even the version.
    client.write(&1001u32.to_be_bytes()).await;
    client.expect_error(JSON, "ERR_PACKET_TOO_LARGE").await;
    client.expect_closed().await;
}

#[tokio::test]
async fn the_largest_lengths_there_are() {
    refused(&u32::MAX.to_be_bytes(), JSON, "ERR_PACKET_TOO_LARGE").await;
    for big in [true, false] {
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        let server = start(echo().header_size(8).byte_order(order)).await;
        for length in [u64::MAX, 1 << 63, 1 << 32, (1 << 20) + 1] {
            let mut client = Raw::connect(&server).await.framed(8, big);
            client.write(&if big { length.to_be_bytes() } else { length.to_le_bytes() }).await;
            client.expect_error(JSON, "ERR_PACKET_TOO_LARGE").await;
            client.expect_closed().await;
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_on_writing_still_reads_the_error() {
    let server = start(echo()).await;
    let mut client = Raw::connect(&server).await;
    // More than one read takes: were the socket closed on it, a reset would take the error with it.
    let mut bytes = vec![0, 0, 0, 9, 21];
    bytes.resize(300_000, 0);
    client.write_anyway(&bytes).await;
    client.expect_error(JSON, "ERR_HEADER_INVALID").await;
    client.expect_orderly_end().await;
    // The server has closed its side and still takes ours.
    client.write(&vec![0; 50_000]).await;
    client.write(&vec![0; 50_000]).await;
    drop(client);
    at_rest(&server.handle()).await;
}
