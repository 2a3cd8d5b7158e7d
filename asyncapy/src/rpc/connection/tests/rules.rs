//! Rules that the other side breaks, and those that only look broken.

use super::*;

const END: Flags = Flags::END;
const NONE: Flags = Flags::NONE;

/// Writes frames, as many as are asked for, and tells how many were sent when the connection ended.
async fn flood(far: &mut Far, most: u32, mut write: impl FnMut(&mut Far, u32)) -> u32 {
    for sent in 0..most {
        write(far, sent);
        if sent % 50 == 49 {
            far.settle().await;
        }
        if far.driven.end.is_some() {
            return sent;
        }
    }
    most
}

#[tokio::test(start_paused = true)]
async fn frames_that_ask_for_nothing_are_counted() {
    type Write = fn(&mut Far, u32);
    let floods: [(&str, u32, Write); 9] = [
        ("pings", 300, |far, _| far.bare(FrameKind::Ping, NONE, 0, &[0; 8])),
        ("answers to no question", 300, |far, _| far.bare(FrameKind::Ping, Flags::ACK, 0, &[0; 8])),
        ("credits of the connection", 300, |far, _| far.credit(0, 0, 0)),
        ("credits of a stream", 300, |far, _| far.credit(1, 1, 1)),
        ("empty items", 200, |far, n| {
            if n % 32 == 0 {
                far.open(3 + 2 * n, "ctl", NONE);
            }
            far.item(3 + 2 * (n - n % 32), b"", NONE);
        }),
        ("goaways", 300, |far, _| far.bare(FrameKind::GoAway, NONE, 0, b"{}")),
        ("ends", 5_000, |far, _| far.item(1, b"", END | Flags::EMPTY)),
        ("cancels of what has ended", 5_000, |far, n| {
            if n == 0 {
                far.open(3, "one", END);
            }
            far.cancel(3);
        }),
        ("errors for what has ended", 5_000, |far, n| {
            if n == 0 {
                far.open(3, "one", END);
            }
            far.bare(FrameKind::Error, NONE, 3, b"{}");
        }),
    ];
    for (what, most, write) in floods {
        let mut far = Far::new(|_| {});
        far.open(1, "ctl", NONE);
        far.settle().await;
        let sent = flood(&mut far, most, write).await;
        assert!(sent < most, "{what}: {sent}");
        let job = far.jobs.recv().await.unwrap();
        assert!(job.answer.is_closed());
        drop(job);
        while far.jobs.try_recv().is_ok() {}
        far.expect_end(Code::TooManyFrames).await;
    }
}

#[tokio::test(start_paused = true)]
async fn opening_in_order_to_cancel_ends_the_connection() {
    for by_error in [false, true] {
        let mut far = Far::new(|_| {});
        let sent = flood(&mut far, 100_000, |far, n| {
            far.open(1 + 2 * n, "wait", END);
            match by_error {
                true => far.bare(FrameKind::Error, NONE, 1 + 2 * n, b"{}"),
                false => far.cancel(1 + 2 * n),
            }
        })
        .await;
        assert!(sent < 1_300, "{sent}");
        far.expect_end(Code::TooManyFrames).await;
        assert!(far.driven.connection.running.all().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn all_streams_may_be_dropped_at_once_and_what_crosses_an_end_is_no_offence() {
    let mut far = Far::new(|serving| serving.settings.calls = 1024);
    for round in 0..3 {
        let id = |n: u32| 1 + 2 * (1000 * round + n);
        for n in 0..1000 {
            far.open(id(n), "ctl", NONE);
        }
        far.settle().await;
        assert_eq!(far.driven.connection.running.len(), 1000);
        // Time passes: what has run for a while was not opened in order to be cancelled.
        tokio::time::advance(Duration::from_millis(200)).await;
        for n in 0..1000 {
            far.cancel(id(n));
        }
        // Items that were on their way.
        for n in 0..1000 {
            for _ in 0..60 {
                far.item(id(n), b"x", NONE);
            }
        }
        far.settle().await;
        while far.jobs.try_recv().is_ok() {}
        assert!(far.driven.end.is_none(), "{:?}", far.driven.end);
        far.driven.assert_empty();
    }
    far.expect_life(9_001).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_a_goaway_is_not_run_and_no_offence() {
    let mut far = Far::new(|_| {});
    far.open(1, "wait", END);
    far.settle().await;
    let job = far.jobs.recv().await.unwrap();
    far.driven.connection.core().advance(crate::handler::session::Phase::Closing);
    assert_eq!(far.errors().await, [(0, String::new())]);
    far.open(3, "ctl", NONE);
    far.item(3, b"x", NONE);
    far.item(3, b"x", END);
    far.cancel(3);
    far.credit(3, 1, 1);
    far.settle().await;
    assert!(far.driven.end.is_none() && far.jobs.try_recv().is_err());
    job.answer.send(Answered::Value(5)).unwrap();
    let frames = far.frames().await;
    assert_eq!((frames.len(), frames[0].0.stream, &frames[0].1[..]), (1, 1, &b"5"[..]));
    assert!(matches!(far.driven.end, Some(End::Closed)), "{:?}", far.driven.end);
    far.driven.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_goaway_with_a_reason_ends_the_connection_at_once() {
    let mut far = Far::new(|_| {});
    far.open(1, "wait", END);
    far.settle().await;
    let job = far.jobs.recv().await.unwrap();
    far.bare(FrameKind::GoAway, NONE, 0, br#"{"last":0,"error":"ERR_FLOW_CONTROL"}"#);
    far.settle().await;
    assert!(far.driven.end.is_some() && job.answer.is_closed());
    far.driven.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn numbers_of_streams_grow_and_are_of_their_side() {
    for ids in [&[2][..], &[3, 1], &[5, 5]] {
        let mut far = Far::new(|_| {});
        ids.iter().for_each(|id| far.open(*id, "one", END));
        far.expect_end(Code::ProtocolViolation).await;
    }
    // Frames for streams that nobody has opened.
    type Write = fn(&mut Far);
    let idle: [Write; 5] = [
        |far| far.item(7, b"x", NONE),
        |far| far.item(8, b"x", END),
        |far| far.bare(FrameKind::Error, NONE, 7, b"{}"),
        |far| far.cancel(8),
        |far| far.credit(7, 1, 1),
    ];
    for write in idle {
        let mut far = Far::new(|_| {});
        write(&mut far);
        far.expect_end(Code::ProtocolViolation).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_credit() {
    let mut far = Far::new(|_| {});
    far.open(1, "ctl", NONE);
    (0..64).for_each(|_| far.item(1, b"x", NONE));
    far.settle().await;
    assert!(far.driven.end.is_none());
    far.item(1, b"x", NONE);
    far.settle().await;
    drop(far.jobs.recv().await);
    far.expect_end(Code::FlowControl).await;

    let mut far = Far::new(|_| {});
    far.open(1, "ctl", NONE);
    // The last may take it below zero.
    [65_535, 1_000_000].iter().for_each(|size| far.item(1, &vec![0; *size], NONE));
    far.settle().await;
    assert!(far.driven.end.is_none());
    far.item(1, b"x", NONE);
    far.settle().await;
    drop(far.jobs.recv().await);
    far.expect_end(Code::FlowControl).await;

    for credit in [(1, u32::MAX, 1), (1, 1, u32::MAX), (0, 0, u32::MAX)] {
        let mut far = Far::new(|_| {});
        far.open(1, "ctl", NONE);
        far.credit(credit.0, credit.1, credit.2);
        far.settle().await;
        drop(far.jobs.recv().await);
        far.expect_end(Code::FlowControl).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_agreed_on_is_refused() {
    for (flag, code) in [(Flags::COMPRESSED, Code::HeaderInvalid), (Flags::SEALED, Code::SealInvalid)] {
        let mut far = Far::new(|_| {});
        far.open(1, "one", END | flag);
        far.expect_end(code).await;
    }
    let mut far = Far::new(|_| {});
    far.bare(FrameKind::Hello, NONE, 0, br#"{"limits":{"packet_size":127}}"#);
    far.expect_end(Code::FieldInvalid).await;
    let mut far = Far::new(|_| {});
    far.bare(FrameKind::Hello, NONE, 0, b"{}");
    far.settle().await;
    assert!(far.driven.end.is_none());
    far.bare(FrameKind::Hello, NONE, 0, b"{}");
    far.expect_end(Code::ProtocolViolation).await;
}

#[tokio::test(start_paused = true)]
async fn targets_are_named_even_where_the_call_is_refused() {
    let mut far = Far::new(|_| {});
    let open = |stream, name, encoding, target| OpenHeader {
        stream,
        encoding,
        flags: END,
        target,
        name,
        ..OpenHeader::default()
    };
    let none = |_: &mut BytesMut| Ok::<_, EncodeError>(());
    let framing = far.framing;
    // Raw arguments are none, but the name is given.
    framing.encode_open(&mut far.out, &open(1, Some("one"), None, 7), none).unwrap();
    framing.encode_open(&mut far.out, &open(3, None, Some(Encoding::Json), 7), none).unwrap();
    // Numbers that stand for nothing, or are not remembered.
    framing.encode_open(&mut far.out, &open(5, None, Some(Encoding::Json), 8), none).unwrap();
    framing.encode_open(&mut far.out, &open(7, Some("one"), Some(Encoding::Json), 0), none).unwrap();
    framing.encode_open(&mut far.out, &open(9, None, Some(Encoding::Json), 0), none).unwrap();
    framing.encode_open(&mut far.out, &open(11, Some("none"), Some(Encoding::Json), 9), none).unwrap();
    framing.encode_open(&mut far.out, &open(13, None, Some(Encoding::Json), 9), none).unwrap();
    framing.encode_open(&mut far.out, &open(15, Some("one"), Some(Encoding::Json), 9), none).unwrap();
    framing.encode_open(&mut far.out, &open(17, None, Some(Encoding::Json), 9), none).unwrap();
    framing.encode_open(&mut far.out, &open(19, Some("one"), Some(Encoding::Json), 60_000), none).unwrap();
    framing.encode_open(&mut far.out, &open(21, None, Some(Encoding::Json), 60_000), none).unwrap();
    let errors: Vec<_> = far.errors().await.into_iter().collect();
    let unknown = |id| (id, Code::FunctionUnknown.as_str().to_owned());
    let malformed = (1, Code::RequestMalformed.as_str().to_owned());
    assert_eq!(
        errors,
        [malformed, unknown(5), unknown(9), unknown(11), unknown(13), unknown(21)],
        "the others were answered"
    );
    far.driven.assert_empty();
}
