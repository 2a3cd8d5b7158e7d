//! Two sides, and somebody between them.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::error::Code;
use crate::security::scratch::Scratch;

const HELLOS: [&[u8]; 2] = [b"\x17\x00\x01\x00\x00\x00\x00\x00{}", b"\x17\x00\x01\x00\x00\x00\x00\x00{ }"];
/// An ITEM of stream 1 with END and SEALED, its payload in ZiProto.
const HEADER: [u8; 8] = [23, 1, 3, 0x41, 0, 0, 0, 1];

fn key(id: &str) -> SealKey {
    SealKey::generate(id).unwrap()
}

/// The two sides of a connection: the connecting one, then the accepting one.
fn connect(key: &SealKey, keys: &SealKeys) -> (Sealer, Sealer) {
    let connecting = Handshake::connecting(key).unwrap();
    let accepting = keys.accept(key.id()).unwrap();
    let salts = (*connecting.salt(), *accepting.salt());
    (connecting.finish(&salts.1, HELLOS).unwrap(), accepting.finish(&salts.0, HELLOS).unwrap())
}

fn pair() -> (Sealer, Sealer) {
    let key = key("k");
    connect(&key, &SealKeys::new([key.clone()]).unwrap())
}

/// A sealed frame with something before it.
fn sealed(by: &mut Sealing, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::from(&b"before"[..]);
    out.extend_from_slice(&HEADER);
    out.extend_from_slice(payload);
    by.seal_in_place(&mut out, 6, 6 + HEADER.len()).unwrap();
    assert!(out.starts_with(b"before\x17\x01"));
    out[6..].to_vec()
}

fn opened(by: &mut Opening, frame: &[u8]) -> Result<Vec<u8>, SealError> {
    let (header, payload) = frame.split_at(HEADER.len().min(frame.len()));
    let mut payload = payload.to_vec();
    by.open(header, &mut payload).map(|length| payload[..length].to_vec())
}

fn refused(by: &mut Opening, frame: &[u8]) {
    let error = opened(by, frame).unwrap_err();
    assert_eq!((&error, error.code()), (&SealError::Invalid, Code::SealInvalid));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens_in_its_order(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20),
    ) {
        let (mut client, mut server) = pair();
        for payload in &payloads {
            let request = sealed(&mut client.seal, payload);
            prop_assert_eq!(request.len(), HEADER.len() + payload.len() + SEAL_OVERHEAD);
            prop_assert_eq!(&opened(&mut server.open, &request).unwrap(), payload);
            let reply = sealed(&mut server.seal, payload);
            prop_assert_ne!(&reply, &request);
            prop_assert_eq!(&opened(&mut client.open, &reply).unwrap(), payload);
        }
    }
}

#[test]
fn known_answers() {
    // Made by tests/python/seal_answers.py, which shares no code with this.
    let answers = [
        (0, "06ef7eeebd2d3898fa7f82239798275af3ae14d4c209", "dde604c59bee90d05992352eeeb32f0b9286d0eb9bef"),
        (1, "02c4f1f205d811cdf146919353351d959bbb1354e864", "021616051aff51d528bc185a4009347a88d84c1deb79"),
        (
            (1 << 40) + 5,
            "16664e0540fc22c59ac6cffe4aac50e231bac4c2082b",
            "14a613f436851801a63d30f3fedab8c1ec8268d42636",
        ),
    ];
    let key = SealKey::new("k", std::array::from_fn(|at| at as u8)).unwrap();
    let keys = SealKeys::new([key.clone()]).unwrap();
    let connecting = Handshake::connecting(&key).unwrap().with_salt([0xc1; 32]);
    let accepting = keys.accept("k").unwrap().with_salt([0xa2; 32]);
    let salts = (*connecting.salt(), *accepting.salt());
    let mut client = connecting.finish(&salts.1, HELLOS).unwrap();
    let mut server = accepting.finish(&salts.0, HELLOS).unwrap();
    for (number, from_client, from_server) in answers {
        client.seal.skip_to(number);
        server.seal.skip_to(number);
        assert_eq!(hex::encode(&sealed(&mut client.seal, b"\xa5hello")[8..]), from_client);
        assert_eq!(hex::encode(&sealed(&mut server.seal, b"\xa5hello")[8..]), from_server);
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let key = key("k");
    let keys = SealKeys::new([key.clone()]).unwrap();
    for bit in 0..(HEADER.len() + 5 + SEAL_OVERHEAD) * 8 {
        let (mut client, mut server) = connect(&key, &keys);
        let mut frame = sealed(&mut client.seal, b"hello");
        frame[bit / 8] ^= 1 << (bit % 8);
        refused(&mut server.open, &frame);
        // Nor is there a second attempt.
        frame[bit / 8] ^= 1 << (bit % 8);
        refused(&mut server.open, &frame);
    }
}

#[test]
fn what_is_cut_or_longer_is_refused() {
    let whole = HEADER.len() + 5 + SEAL_OVERHEAD;
    for end in 0..=whole + 1 {
        let (mut client, mut server) = pair();
        let mut frame = sealed(&mut client.seal, b"hello");
        frame.resize(end, 0);
        match end == whole {
            true => assert_eq!(opened(&mut server.open, &frame).unwrap(), b"hello"),
            false => refused(&mut server.open, &frame),
        }
    }
}

#[test]
fn what_is_repeated_left_out_exchanged_or_sent_back_is_refused() {
    let frames = |client: &mut Sealer| [b"1", b"2", b"3"].map(|payload| sealed(&mut client.seal, payload));
    let (mut client, mut server) = pair();
    let [first, second, _] = frames(&mut client);
    opened(&mut server.open, &first).unwrap();
    refused(&mut server.open, &first);
    refused(&mut server.open, &second);

    let (mut client, mut server) = pair();
    let [first, _, third] = frames(&mut client);
    opened(&mut server.open, &first).unwrap();
    refused(&mut server.open, &third);

    let (mut client, mut server) = pair();
    let [_, second, _] = frames(&mut client);
    refused(&mut server.open, &second);

    let (mut client, _) = pair();
    let [first, ..] = frames(&mut client);
    refused(&mut client.open, &first);
}

#[test]
fn connections_under_one_key_cannot_read_each_other() {
    let key = key("k");
    let keys = SealKeys::new([key.clone()]).unwrap();
    let (mut one, _) = connect(&key, &keys);
    let (_, mut other) = connect(&key, &keys);
    refused(&mut other.open, &sealed(&mut one.seal, b"hello"));
}

#[test]
fn a_recorded_connection_cannot_be_played_again() {
    let key = key("k");
    let keys = SealKeys::new([key.clone()]).unwrap();
    let connecting = Handshake::connecting(&key).unwrap();
    let recorded = *connecting.salt();
    let server = keys.accept("k").unwrap();
    let mut client = connecting.finish(server.salt(), HELLOS).unwrap();
    let frame = sealed(&mut client.seal, b"pay 100");
    let mut server = server.finish(&recorded, HELLOS).unwrap();
    assert_eq!(opened(&mut server.open, &frame).unwrap(), b"pay 100");

    let mut again = keys.accept("k").unwrap().finish(&recorded, HELLOS).unwrap();
    refused(&mut again.open, &frame);
}

#[test]
fn another_key_or_another_hello_opens_nothing() {
    let mine = key("k");
    let (mut client, mut server) = connect(&mine, &SealKeys::new([key("k")]).unwrap());
    refused(&mut server.open, &sealed(&mut client.seal, b"hello"));
    refused(&mut client.open, &sealed(&mut server.seal, b"hello"));

    for hellos in [[HELLOS[0], HELLOS[0]], [HELLOS[1], HELLOS[0]], [b"", HELLOS[1]]] {
        let connecting = Handshake::connecting(&mine).unwrap();
        let accepting = SealKeys::new([mine.clone()]).unwrap().accept("k").unwrap();
        let salts = (*connecting.salt(), *accepting.salt());
        let mut client = connecting.finish(&salts.1, hellos).unwrap();
        let mut server = accepting.finish(&salts.0, HELLOS).unwrap();
        refused(&mut server.open, &sealed(&mut client.seal, b"hello"));
    }
}

#[test]
fn keys_rotate_under_connections_that_go_on() {
    let (old, new) = (key("old"), key("new"));
    let keys = SealKeys::new([old.clone()]).unwrap();
    let shared = keys.clone();
    let (mut client, mut server) = connect(&old, &keys);
    shared.add(new.clone()).unwrap();
    shared.add(new.clone()).unwrap();
    assert!(shared.retire("old") && !shared.retire("old"));
    assert_eq!(keys.ids(), ["new"]);
    let refused = keys.accept("old").unwrap_err();
    assert_eq!(refused, SealError::UnknownKey { id: "old".into() });
    assert_eq!(refused.code(), Code::SealInvalid);

    assert_eq!(opened(&mut server.open, &sealed(&mut client.seal, b"on")).unwrap(), b"on");
    let (mut other, mut others) = connect(&new, &keys);
    assert_eq!(opened(&mut others.open, &sealed(&mut other.seal, b"on")).unwrap(), b"on");

    // A new secret under the old id does not mix with the old one.
    let again = key("old");
    keys.add(again.clone()).unwrap();
    assert!(matches!(keys.add(key("old")), Err(SealKeyError::Duplicate { id }) if id == "old"));
    let (mut third, mut thirds) = connect(&again, &keys);
    assert!(keys.retire_now("old") && !keys.retire_now("old"));
    let frame = sealed(&mut client.seal, b"off");
    assert_eq!(opened(&mut server.open, &frame), Err(SealError::Retired));
    let mut out = BytesMut::from(&HEADER[..]);
    assert_eq!(thirds.seal.seal_in_place(&mut out, 0, 8), Err(SealError::Retired));
    assert_eq!(out, HEADER[..]);
    assert_eq!(opened(&mut thirds.open, &sealed(&mut third.seal, b"off")), Err(SealError::Retired));
    assert_eq!(opened(&mut others.open, &sealed(&mut other.seal, b"on")).unwrap(), b"on");
}

#[test]
fn a_set_is_replaced_in_one_step_or_not_at_all() {
    let (one, two, three) = (key("1"), key("2"), key("3"));
    let keys = SealKeys::new([one.clone(), two.clone()]).unwrap();
    let (mut client, mut server) = connect(&two, &keys);
    assert!(matches!(keys.replace([]), Err(SealKeyError::Empty)));
    assert!(matches!(keys.replace([key("4"), key("4")]), Err(SealKeyError::Duplicate { .. })));
    assert_eq!(keys.ids(), ["1", "2"]);
    keys.replace([one.clone(), key("2"), three]).unwrap();
    assert_eq!(keys.ids(), ["1", "2", "3"]);
    assert_eq!(opened(&mut server.open, &sealed(&mut client.seal, b"on")).unwrap(), b"on");
    let (mut late, mut lates) = connect(&two, &keys);
    refused(&mut lates.open, &sealed(&mut late.seal, b"under the old one"));
    assert!(keys.retire_now("2"));
    assert_eq!(opened(&mut server.open, &sealed(&mut client.seal, b"on")), Err(SealError::Retired));
}

#[test]
fn a_connection_ends_before_a_number_could_come_again() {
    let (mut client, mut server) = pair();
    client.seal.skip_to(SEAL_LIMIT - 1);
    server.open.skip_to(SEAL_LIMIT - 1);
    let last = sealed(&mut client.seal, b"last");
    assert_eq!(opened(&mut server.open, &last).unwrap(), b"last");
    let mut out = BytesMut::from(&HEADER[..]);
    assert_eq!(client.seal.seal_in_place(&mut out, 0, 8), Err(SealError::Exhausted));
    assert_eq!(out, HEADER[..]);
    assert_eq!(opened(&mut server.open, &last), Err(SealError::Exhausted));
}

#[test]
fn a_salt_is_64_hexadecimal_digits() {
    let salt = *Handshake::connecting(&key("k")).unwrap().salt();
    assert_eq!(salt.to_string().parse(), Ok(salt));
    for text in ["", "00", &salt.to_string()[1..], &salt.to_string().to_uppercase().replace('0', "A")] {
        assert_eq!(text.parse::<SealSalt>(), Err(SealError::Salt), "{text:?}");
    }
}

#[test]
fn a_file_of_keys_is_read_again_or_refused_whole() {
    let (one, two) = (key("one"), key("two"));
    let scratch = Scratch::new();
    let path = scratch.path("keys");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&format!("# keys\n\n  {}\n", one.to_text()));
    let keys = SealKeys::from_file(&path).unwrap();
    assert_eq!(keys.ids(), ["one"]);
    write(&format!("{}\r\n{}", one.to_text(), two.to_text()));
    keys.reload(&path).unwrap();
    assert_eq!(keys.ids(), ["one", "two"]);

    let secret = two.to_text().split_off(4);
    let told = |text: &str, words: &str| {
        write(text);
        let refused = keys.reload(&path).unwrap_err().to_string();
        assert!(refused.contains("keys: ") && refused.contains(words), "{refused}");
        assert!(!refused.contains(&secret) && !refused.contains(&secret[..16]), "{refused}");
        assert_eq!(keys.ids(), ["one", "two"]);
    };
    told("", "no key at all");
    told("# none", "no key at all");
    told(&format!("{}\n{}", one.to_text(), one.to_text()), "two keys have the id \"one\"");
    told(&format!("\n{secret}"), "line 2: ");
    told(&format!("two={secret}"), "line 1: ");
    told(&format!("two {secret}0"), "line 1: the secret of the key \"two\"");
    std::fs::remove_file(&path).unwrap();
    assert!(SealKeys::from_file(&path).unwrap_err().to_string().contains("keys: "));
}

#[test]
fn debug_shows_no_secret() {
    let key = key("k");
    let keys = SealKeys::new([key.clone()]).unwrap();
    let (client, server) = connect(&key, &keys);
    let handshake = keys.accept("k").unwrap();
    let secret = hex::encode(key.secret());
    let numbers = format!("{:?}", key.secret());
    let shown = format!("{key:?} {keys:?} {handshake:?} {client:?} {server:?}");
    assert!(!shown.contains(&secret[..8]) && !shown.contains(&numbers[1..12]), "{shown}");
    assert_eq!(format!("{keys:?}"), "SealKeys([\"k\"])");
}
