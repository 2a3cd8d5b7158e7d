//! Frames out of one side and into the other.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::error::Code;
use crate::mux::{FrameInfo, Inbound, Outbound, Payload, ProcessorError};
#[cfg(feature = "sealed")]
use crate::security::{Handshake, SEAL_OVERHEAD, SealKey, SealKeys, Sealer};
use crate::wire::v3::{ErrorHeader, Frame, ItemHeader, OpenHeader};
use crate::wire::{ByteOrder, EncodeError, Encoding, Framing, HeaderSize};

const LIMIT: usize = 1 << 20;

/// Appends its letter on the way out, wants it on the way in, and counts.
#[derive(Clone)]
struct Letter(u8, u8);

impl Outbound for Letter {
    fn outbound(&mut self, _: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
        payload.extend_from_slice(&[self.0, self.1]);
        self.1 = self.1.wrapping_add(1);
        Ok(())
    }
}

impl Inbound for Letter {
    fn inbound(&mut self, _: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
        if !payload.ends_with(&[self.0, self.1]) {
            return Err(ProcessorError::new(Code::custom("ERR_LETTER"), "the letter is missing"));
        }
        self.1 = self.1.wrapping_add(1);
        payload.truncate(payload.len() - 2);
        Ok(())
    }
}

fn write(payload: &[u8]) -> impl FnOnce(&mut BytesMut) -> Result<(), EncodeError> {
    move |out| {
        out.extend_from_slice(payload);
        Ok(())
    }
}

fn item(framing: &Framing, out: &mut BytesMut, flags: Flags, payload: &[u8]) {
    let header = ItemHeader { stream: 1, encoding: None, flags, metadata: None };
    framing.encode_item(out, &header, write(payload)).unwrap();
}

fn decoded(framing: &Framing, frame: &[u8]) -> Frame {
    let decoded = framing.decode_v3(frame).unwrap().unwrap();
    assert_eq!(decoded.end, frame.len());
    decoded
}

/// What the other side makes of a frame; `Ok(None)` if it is no whole frame, or none that has a payload.
fn received(
    inbound: &mut InboundPipeline,
    framing: &Framing,
    bytes: &[u8],
) -> Result<Option<BytesMut>, ProcessorError> {
    let Ok(Ok(frame)) = framing.decode_v3(bytes) else { return Ok(None) };
    let mut payload = BytesMut::from(&bytes[frame.payload.clone()]);
    let header = &bytes[framing.header_size().bytes()..frame.payload.start];
    inbound.inbound(&frame, header, &mut payload)?;
    Ok(is_processed(frame.kind).then_some(payload))
}

fn sent(outbound: &mut OutboundPipeline, payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    item(&Framing::default(), &mut out, Flags::NONE, payload);
    outbound.outbound(&Framing::default(), &mut out, 0).unwrap();
    out
}

fn refusal(inbound: &mut InboundPipeline, frame: &[u8]) -> Code {
    received(inbound, &Framing::default(), frame).unwrap_err().code().clone()
}

/// The keys of both sides of a connection.
#[cfg(feature = "sealed")]
fn sealers() -> [Sealer; 2] {
    let key = SealKey::generate("k").unwrap();
    let connecting = Handshake::connecting(&key).unwrap();
    let accepting = SealKeys::new([key]).unwrap().accept("k").unwrap();
    let salts = (*connecting.salt(), *accepting.salt());
    [connecting.finish(&salts.1, [b"", b""]), accepting.finish(&salts.0, [b"", b""])].map(Result::unwrap)
}

/// Both sides of a connection with so many processors, compressed or sealed where the features allow.
fn sides(processors: u8, compressed: bool, sealed: bool) -> [(OutboundPipeline, InboundPipeline); 2] {
    let mut pipeline = Pipeline::new();
    for letter in 0..processors {
        pipeline = pipeline.processor(Letter(b'a' + letter, 0));
    }
    #[cfg(feature = "zstd")]
    if compressed {
        pipeline = pipeline.compressed(Compression { level: 1, threshold: 64 });
    }
    #[cfg(feature = "sealed")]
    if sealed {
        pipeline = pipeline.sealed();
    }
    assert_eq!(pipeline.is_empty(), processors == 0 && !pipeline.is_compressed() && !pipeline.is_sealed());
    let _ = (compressed, sealed);
    #[allow(unused_mut, reason = "the features change them")]
    let mut sides = [pipeline.connect(LIMIT), pipeline.connect(LIMIT)];
    #[cfg(feature = "zstd")]
    sides.iter_mut().for_each(|side| side.0.peer_decompresses());
    #[cfg(feature = "sealed")]
    if sealed {
        for (side, sealer) in sides.iter_mut().zip(sealers()) {
            side.0.seal(sealer.seal);
            side.1.open(sealer.open);
        }
    }
    sides
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_goes_out_comes_in_as_it_was(
        processors in 0..3u8,
        compressed: bool,
        sealed: bool,
        big: bool,
        frames in proptest::collection::vec(
            (0..4u8, proptest::collection::vec(any::<u8>(), 0..40), 1..20usize, any::<bool>()), 1..8,
        ),
    ) {
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        let framing = Framing::new(HeaderSize::Four, order, 1 << 20);
        let [(mut outbound, _), (_, mut inbound)] = sides(processors, compressed, sealed);
        let mut out = BytesMut::from(&b"sent before"[..]);
        for (kind, word, times, flag) in frames {
            let plain = word.repeat(times);
            let end = Flags::NONE.with(Flags::END, flag);
            let start = out.len();
            match kind {
                0 => {
                    let name = flag.then_some("math.sum");
                    let json = Some(Encoding::Json);
                    let open = OpenHeader {
                        stream: 7, encoding: json, flags: end, target: 3, name, deadline: name.map(|_| 9), metadata: None,
                    };
                    framing.encode_open(&mut out, &open, write(&plain)).unwrap();
                }
                1 => item(&framing, &mut out, end, &plain),
                2 => {
                    let error = ErrorHeader {
                        stream: 7, encoding: Encoding::ZiProto, flags: Flags::NONE, code: &Code::TimedOut,
                        message: None, field: None, metadata: None,
                    };
                    framing.encode_error(&mut out, &error, None::<fn(&mut _) -> Result<(), EncodeError>>).unwrap();
                }
                _ => framing.encode_credit(&mut out, 7, 1, 2),
            }
            let before = out[start..].to_vec();
            let whole = decoded(&framing, &before);
            outbound.outbound(&framing, &mut out, start).unwrap();
            let after = decoded(&framing, &out[start..]);
            prop_assert_eq!((after.kind, after.stream, &after.fields), (whole.kind, whole.stream, &whole.fields));
            prop_assert_eq!(after.flags.without(PROCESSED), whole.flags);
            prop_assert_eq!(after.flags.has(Flags::SEALED), outbound.overhead() != 0 && kind < 3);
            let plain = (kind < 3).then(|| BytesMut::from(&before[whole.payload]));
            prop_assert_eq!(received(&mut inbound, &framing, &out[start..]).unwrap(), plain);
        }
        prop_assert!(out.starts_with(b"sent before"));
    }
}

#[test]
fn own_processors_run_in_order_out_and_in_reverse_in() {
    let [(mut outbound, mut own), (_, mut inbound)] = sides(2, false, false);
    let frame = sent(&mut outbound, b"x");
    assert!(frame.ends_with(b"xa\0b\0"));
    assert_eq!(received(&mut inbound, &Framing::default(), &frame).unwrap().unwrap(), &b"x"[..]);
    // Each half has a state of its own.
    let frame = sent(&mut outbound, b"x");
    assert!(frame.ends_with(b"xa\x01b\x01"));
    assert_eq!(received(&mut inbound, &Framing::default(), &frame).unwrap().unwrap(), &b"x"[..]);
    assert_eq!(refusal(&mut own, &frame), Code::custom("ERR_LETTER"));
}

#[test]
fn a_connection_without_processors_is_left_alone() {
    let (mut outbound, mut inbound) = Pipeline::new().connect(LIMIT);
    assert!(Pipeline::new().is_empty() && outbound.is_empty() && inbound.is_empty());
    assert_eq!(outbound.overhead(), 0);
    let frame = sent(&mut outbound, b"plain");
    assert!(frame.ends_with(b"plain"));
    assert_eq!(received(&mut inbound, &Framing::default(), &frame).unwrap().unwrap(), &b"plain"[..]);
    for (flag, code) in [(Flags::COMPRESSED, Code::HeaderInvalid), (Flags::SEALED, Code::SealInvalid)] {
        let mut frame = BytesMut::new();
        item(&Framing::default(), &mut frame, flag, &[0; 40]);
        assert_eq!(refusal(&mut inbound, &frame), code);
    }
}

#[test]
fn what_cannot_be_sent_leaves_nothing_behind() {
    let (mut outbound, _) = Pipeline::new().processor(Letter(b'a', 0)).connect(LIMIT);
    let framing = Framing::default();
    let mut out = BytesMut::from(&b"before"[..]);
    item(&framing, &mut out, Flags::NONE, b"cut");
    out.truncate(out.len() - 1);
    assert_eq!(outbound.outbound(&framing, &mut out, 6).unwrap_err().code(), &Code::ProtocolViolation);
    item(&framing, &mut out, Flags::COMPRESSED, b"done before");
    assert_eq!(outbound.outbound(&framing, &mut out, 6).unwrap_err().code(), &Code::ProtocolViolation);
    let small = framing.with_max_packet_size(9);
    item(&framing, &mut out, Flags::NONE, b"1");
    assert_eq!(outbound.outbound(&small, &mut out, 6).unwrap_err().code(), &Code::PacketTooLarge);
    assert_eq!(out, &b"before"[..]);
}

#[test]
fn a_processor_must_keep_to_the_limit_too() {
    #[derive(Clone)]
    struct Twice;
    impl Outbound for Twice {
        fn outbound(&mut self, _: &FrameInfo, _: &mut Payload<'_>) -> Result<(), ProcessorError> {
            Ok(())
        }
    }
    impl Inbound for Twice {
        fn inbound(&mut self, _: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
            payload.replace(&payload.repeat(2));
            Ok(())
        }
    }
    let (mut outbound, mut inbound) = Pipeline::new().processor(Twice).connect(10);
    let fits = sent(&mut outbound, b"12345");
    assert_eq!(received(&mut inbound, &Framing::default(), &fits).unwrap().unwrap(), &b"1234512345"[..]);
    assert_eq!(refusal(&mut inbound, &sent(&mut outbound, b"123456")), Code::PacketTooLarge);
}

#[cfg(feature = "zstd")]
mod compressed {
    use super::*;

    #[test]
    fn nothing_is_compressed_for_a_peer_that_does_not_read_it() {
        let (mut outbound, mut inbound) = Pipeline::new().compressed(Compression::default()).connect(LIMIT);
        assert!(outbound.is_empty());
        assert!(sent(&mut outbound, &[0; 1_000]).len() > 1_000);
        outbound.peer_decompresses();
        assert!(!outbound.is_empty());
        assert!(sent(&mut outbound, &[0; 511]).len() > 511);
        let frame = sent(&mut outbound, &[0; 1_000]);
        assert!(frame.len() < 100);
        assert_eq!(received(&mut inbound, &Framing::default(), &frame).unwrap().unwrap(), vec![0; 1_000]);
        let (_, mut other) = Pipeline::new().connect(LIMIT);
        assert_eq!(refusal(&mut other, &frame), Code::HeaderInvalid);
    }

    #[test]
    fn bombs_and_garbage_are_refused() {
        let pipeline = Pipeline::new().compressed(Compression::default());
        let (mut outbound, _) = pipeline.connect(LIMIT);
        outbound.peer_decompresses();
        let bomb = sent(&mut outbound, &vec![0; 1 << 18]);
        let (_, mut inbound) = pipeline.connect((1 << 18) - 1);
        assert_eq!(refusal(&mut inbound, &bomb), Code::PacketTooLarge);
        let mut frame = BytesMut::new();
        item(&Framing::default(), &mut frame, Flags::COMPRESSED, b"garbage");
        assert_eq!(refusal(&mut inbound, &frame), Code::RequestMalformed);
    }
}

#[cfg(feature = "sealed")]
mod sealed {
    use super::*;
    use crate::wire::v3::Hello;

    #[test]
    fn nothing_passes_before_there_are_keys() {
        let (mut outbound, mut inbound) = Pipeline::new().sealed().connect(LIMIT);
        assert!(!outbound.is_empty() && !inbound.is_empty());
        let framing = Framing::default();
        let mut out = BytesMut::new();
        item(&framing, &mut out, Flags::NONE, b"secret");
        let plain = out.clone();
        assert_eq!(outbound.outbound(&framing, &mut out, 0).unwrap_err().code(), &Code::SealRequired);
        assert!(out.is_empty());
        assert_eq!(refusal(&mut inbound, &plain), Code::SealRequired);
        let mut sealed = BytesMut::new();
        item(&framing, &mut sealed, Flags::SEALED, &[0; 40]);
        assert_eq!(refusal(&mut inbound, &sealed), Code::SealInvalid);
        // Frames without a payload of the application pass.
        framing.encode_ping(&mut out, *b"pingping", false);
        let ping = out.clone();
        outbound.outbound(&framing, &mut out, 0).unwrap();
        assert_eq!(out, ping);
        assert_eq!(received(&mut inbound, &framing, &out), Ok(None));
    }

    /// A connection from its HELLOs on; what the accepting side makes of the first frame. `tamper` sits on the line.
    fn greeted(tamper: impl Fn(&mut Hello)) -> Result<Option<BytesMut>, ProcessorError> {
        let framing = Framing::default();
        let version = framing.header_size().bytes();
        let json = Encoding::Json;
        let said = |frame: &[u8]| {
            Hello::read(&frame[decoded(&framing, frame).payload], json)
                .map(|hello| (hello.seal.unwrap(), frame.to_vec()))
        };
        let key = SealKey::generate("k").unwrap();
        let keys = SealKeys::new([key.clone()]).unwrap();
        let pipeline = Pipeline::new().sealed();

        let connecting = Handshake::connecting(&key).unwrap();
        let identity = Some("ann".to_owned());
        let mut hello = Hello { identity, seal: Some(connecting.offer()), ..Hello::default() };
        let mut ours = BytesMut::new();
        framing.encode_hello(&mut ours, json, &hello).unwrap();
        tamper(&mut hello);
        let mut arrived = BytesMut::new();
        framing.encode_hello(&mut arrived, json, &hello).unwrap();

        let (offer, arrived) = said(&arrived).unwrap();
        let accepting = keys.accept(&offer.key)?;
        let mut theirs = BytesMut::new();
        let hello = Hello { seal: Some(accepting.offer()), ..Hello::default() };
        framing.encode_hello(&mut theirs, json, &hello).unwrap();
        let sealer = accepting.finish(&offer.salt.parse()?, [&arrived[version..], &theirs[version..]])?;
        let (_, mut inbound) = pipeline.connect(LIMIT);
        inbound.open(sealer.open);

        let (offer, theirs) = said(&theirs).unwrap();
        let sealer = connecting.finish(&offer.salt.parse()?, [&ours[version..], &theirs[version..]])?;
        let (mut outbound, _) = pipeline.connect(LIMIT);
        outbound.seal(sealer.seal);
        received(&mut inbound, &framing, &sent(&mut outbound, b"hello"))
    }

    #[test]
    fn the_hellos_agree_on_keys_and_are_bound_to_them() {
        assert_eq!(greeted(|_| {}).unwrap().unwrap(), &b"hello"[..]);
        let code = |tamper: fn(&mut Hello)| greeted(tamper).unwrap_err().code().clone();
        assert_eq!(code(|hello| hello.identity = Some("eve".into())), Code::SealInvalid);
        assert_eq!(code(|hello| hello.limits.streams = Some(1)), Code::SealInvalid);
        assert_eq!(code(|hello| hello.seal.as_mut().unwrap().key.push('x')), Code::SealInvalid);
        assert_eq!(code(|hello| hello.seal.as_mut().unwrap().salt.push('0')), Code::SealInvalid);
        assert_eq!(code(|hello| hello.seal.as_mut().unwrap().salt = "0".repeat(64)), Code::SealInvalid);
    }

    #[test]
    fn a_peer_that_does_not_seal_is_refused() {
        let [_, (_, mut inbound)] = sides(0, false, true);
        let plain = sent(&mut Pipeline::new().connect(LIMIT).0, b"hello");
        assert_eq!(refusal(&mut inbound, &plain), Code::SealRequired);
    }

    #[test]
    fn an_end_without_a_value_is_sealed_too() {
        let framing = Framing::default();
        let end = Flags::END | Flags::EMPTY;
        let [(mut outbound, _), (_, mut inbound)] = sides(1, true, true);
        let mut out = BytesMut::new();
        item(&framing, &mut out, end, b"");
        let forged = out.clone();
        outbound.outbound(&framing, &mut out, 0).unwrap();
        assert_eq!(decoded(&framing, &out).payload.len(), SEAL_OVERHEAD);
        assert_eq!(received(&mut inbound, &framing, &out), Ok(Some(BytesMut::new())));
        assert_eq!(refusal(&mut inbound, &forged), Code::SealRequired);

        // A peer that seals something there breaks the protocol.
        let [mut sealer, opener] = sealers();
        let (_, mut inbound) = Pipeline::new().sealed().connect(LIMIT);
        inbound.open(opener.open);
        let mut out = BytesMut::new();
        item(&framing, &mut out, end | Flags::SEALED, b"something");
        sealer.seal.seal_in_place(&mut out, 4, 12).unwrap();
        framing.finish_v3(&mut out, 0).unwrap();
        assert_eq!(refusal(&mut inbound, &out), Code::RequestMalformed);
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_refused() {
        let framing = Framing::default();
        let mut frames = BytesMut::new();
        let name = Some("math.sum");
        let open = OpenHeader { stream: 1, target: 1, name, deadline: Some(1_000), ..OpenHeader::default() };
        framing.encode_open(&mut frames, &open, write(b"arguments")).unwrap();
        let mut bit = 0;
        loop {
            let [(mut outbound, _), (_, mut inbound)] = sides(0, false, true);
            let mut out = frames.clone();
            outbound.outbound(&framing, &mut out, 0).unwrap();
            if bit == out.len() * 8 {
                break;
            }
            out[bit / 8] ^= 1 << (bit % 8);
            let refused = received(&mut inbound, &framing, &out);
            assert!(!matches!(refused, Ok(Some(_))), "bit {bit}: {refused:?}");
            // The header's own checks may see it first, or the frame is no longer whole.
            assert!(refused.is_err() || !matches!(framing.decode_v3(&out), Ok(Ok(_))), "bit {bit}");
            bit += 1;
        }
    }

    #[test]
    fn repeated_and_exchanged_frames_are_refused() {
        let [(mut outbound, _), (_, mut inbound)] = sides(0, false, true);
        let [first, second] = [b"1", b"2"].map(|payload| sent(&mut outbound, payload));
        received(&mut inbound, &Framing::default(), &first).unwrap();
        assert_eq!(refusal(&mut inbound, &first), Code::SealInvalid);
        let [(mut outbound, _), (_, mut inbound)] = sides(0, false, true);
        let _first = sent(&mut outbound, b"1");
        assert_eq!(refusal(&mut inbound, &sent(&mut outbound, b"2")), Code::SealInvalid);
        assert_eq!(refusal(&mut inbound, &second), Code::SealInvalid);
    }

    #[test]
    fn what_would_be_too_long_is_not_counted() {
        let [(mut outbound, _), (_, mut inbound)] = sides(0, false, true);
        let framing = Framing::default();
        let mut out = BytesMut::new();
        item(&framing, &mut out, Flags::NONE, b"five!");
        let small = framing.with_max_packet_size(8 + 5 + SEAL_OVERHEAD as u32 - 1);
        let refused = outbound.outbound(&small, &mut out, 0).unwrap_err();
        assert_eq!((refused.code(), out.len()), (&Code::PacketTooLarge, 0));
        let frame = sent(&mut outbound, b"next");
        assert_eq!(received(&mut inbound, &framing, &frame).unwrap().unwrap(), &b"next"[..]);
    }
}
