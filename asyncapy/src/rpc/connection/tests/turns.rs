//! Who waits for whom, and that nobody is forgotten.

use std::io;
use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

const END: Flags = Flags::END;

#[tokio::test(start_paused = true)]
async fn a_turn_that_another_connection_gives_back_is_taken() {
    let mut far = Far::new(|_| {});
    let permits = far.driven.connection.serving.permits.clone();
    let all = permits.acquire_many(permits.available_permits() as u32).await.unwrap();
    far.open(1, "one", END);
    assert!(far.frames().await.is_empty());
    drop(all);
    let frames = far.frames().await;
    assert_eq!(frames.len(), 1, "the call was not woken");
    assert_eq!(&frames[0].1[..], b"1");
    assert_eq!(permits.available_permits(), 8192);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_a_cancel_gives_back_is_taken() {
    let mut far = Far::new(|serving| serving.settings.calls = 1);
    far.open(1, "wait", END);
    far.open(3, "one", END);
    assert!(far.frames().await.is_empty());
    far.cancel(1);
    assert_eq!(far.frames().await.len(), 1);
    far.driven.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_for_a_turn_is_told() {
    let mut far = Far::new(|serving| serving.settings.calls = 1);
    far.open(1, "wait", END);
    far.open(3, "ctl", Flags::NONE);
    far.item(3, b"x", Flags::NONE);
    far.open(5, "one", Flags::NONE);
    far.settle().await;
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(101)).await;
    let overloaded = Code::Overloaded.as_str().to_owned();
    assert_eq!(far.errors().await, [(3, overloaded.clone()), (5, overloaded)]);
    assert!(began.elapsed() < Duration::from_millis(120));
    far.jobs.recv().await.unwrap().answer.send(Answered::Value(1)).unwrap();
    far.settle().await;
    far.driven.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_waited_leaves_no_place_behind() {
    let mut far = Far::new(|serving| serving.settings.calls = 1);
    for round in 0..3 {
        let id = 1 + 100 * round;
        far.open(id, "wait", END);
        // Neither takes items, though more might have come.
        far.open(id + 2, "one", Flags::NONE);
        far.open(id + 4, "zeros", Flags::NONE);
        // This one does, but does not come to it.
        far.open(id + 6, "picky", Flags::NONE);
        far.item(id + 6, b"x", Flags::NONE);
        far.item(id + 2, b"x", Flags::NONE);
        far.settle().await;
        far.jobs.recv().await.unwrap().answer.send(Answered::Value(1)).unwrap();
        far.settle().await;
        far.cancel(id + 4);
        far.settle().await;
        far.driven.assert_empty();
    }
}

#[tokio::test(start_paused = true)]
async fn credit_for_a_stream_that_waits_is_kept() {
    let mut far = Far::new(|serving| serving.settings.calls = 1);
    far.open(1, "wait", END);
    far.open(3, "zeros", END);
    far.credit(3, 1000, 1 << 20);
    far.settle().await;
    far.jobs.recv().await.unwrap().answer.send(Answered::Value(1)).unwrap();
    let mut items = 0;
    for _ in 0..100 {
        items += far.frames().await.iter().filter(|(frame, _)| frame.stream == 3).count();
    }
    assert_eq!(items, (64 + 1024) * 1024 / 8192);
}

#[tokio::test(start_paused = true)]
async fn frames_that_waited_for_room_are_handled_when_there_is_some() {
    let mut far = Far::new(|serving| {
        serving.settings.output_hard = 2 << 20;
        serving.settings.output_soft = 2 << 20;
    });
    for n in 0..20 {
        far.open(1 + 2 * n, "big", END);
    }
    let mut answers = 0;
    // Nothing happens in between but that the answers are read.
    answers += far.frames().await.len();
    answers += far.frames().await.len();
    assert_eq!(answers, 20, "the rest was forgotten");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_a_panic_is_sent_and_paid_for() {
    for (name, item) in [("trips", &[0; 8192][..]), ("halves", b"[1,2]")] {
        let mut far = Far::new(|_| {});
        let before = far.driven.connection.mux.lock().connection_credit();
        const STREAMS: u32 = 100;
        for n in 0..STREAMS {
            far.open(1 + 2 * n, name, END);
        }
        let frames = far.frames().await;
        assert_eq!(frames.len(), 4 * STREAMS as usize, "{name}");
        for n in 0..STREAMS {
            let mut came = frames.iter().filter(|(frame, _)| frame.stream == 1 + 2 * n);
            for _ in 0..3 {
                let (frame, payload) = came.next().unwrap();
                assert_eq!((frame.kind, frame.flags, &payload[..]), (FrameKind::Item, Flags::NONE, item));
            }
            let (frame, payload) = came.next().unwrap();
            let told: serde_json::Value = serde_json::from_slice(payload).unwrap();
            assert_eq!(
                (frame.kind, told["error"].as_str()),
                (FrameKind::Error, Some("ERR_HANDLER_PANICKED"))
            );
        }
        let spent = 3 * i64::from(STREAMS) * item.len() as i64;
        assert_eq!(far.driven.connection.mux.lock().connection_credit(), before - spent, "{name}");
        far.driven.assert_empty();
    }
}

/// Counts how often it is written to.
struct Counted {
    inner: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_the_thread_to_itself_writes_by_turns() {
    let (mut far, mut other) = (Far::new(|_| {}), Far::new(|_| {}));
    let writes = Arc::<AtomicUsize>::default();
    let Io::Memory(inner) = std::mem::replace(&mut far.driven.connection.io, Io::none()) else {
        panic!("it is in memory");
    };
    far.driven.connection.io = Io::any(Counted { inner, writes: writes.clone() });
    let mut id = 1;
    for (alone, expected) in [(true, 3), (false, 1), (true, 3)] {
        // Whoever was polled last on the thread has it to itself.
        let last = if alone { &mut far } else { &mut other };
        last.expect_life(id).await;
        writes.store(0, Ordering::Relaxed);
        for n in 1..=40 {
            far.open(id + 2 * n, "one", END);
        }
        let answers = far.frames().await;
        assert_eq!(answers.len(), 40);
        assert_eq!(writes.load(Ordering::Relaxed), expected, "alone: {alone}");
        id += 100;
    }
}

#[tokio::test(start_paused = true)]
async fn streams_share_the_room() {
    // Less than a single stream could fill.
    let mut far = Far::with_pipe(16 * 1024, |_| {});
    const STREAMS: u32 = 12;
    for n in 0..STREAMS {
        far.open(1 + 2 * n, "zeros", END);
    }
    let mut items = [0u32; STREAMS as usize];
    for _ in 0..2_000 {
        for (frame, payload) in far.frames().await {
            if let Some(place) = items.get_mut(frame.stream as usize / 2) {
                *place += 1;
                // A reader that is faster than the connection.
                far.credit(frame.stream, 1, payload.len() as u32);
                far.credit(0, 0, payload.len() as u32);
            }
        }
    }
    let (least, most) = (items.iter().min().unwrap(), items.iter().max().unwrap());
    assert!(*least > 50 && least * 2 > *most, "{items:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_rests_holds_nobody_up() {
    let mut far = Far::new(|serving| serving.settings.handler_timeout = Duration::from_millis(50));
    far.open(1, "spins", END);
    far.open(3, "one", END);
    let framing = far.framing;
    tokio::io::AsyncWriteExt::write_all(&mut far.io, &far.out.split()).await.unwrap();
    let Far { driven, io, .. } = &mut far;
    let run = async {
        let run = driven.connection.run();
        tokio::time::timeout(Duration::from_secs(1), run).await.unwrap_err();
    };
    let read = async {
        let mut input = BytesMut::new();
        let mut ids = Vec::new();
        while ids.len() < 2 {
            while let Ok(Ok(frame)) = framing.decode_v3(&input) {
                ids.push((frame.stream, frame.kind));
                let _ = input.split_to(frame.end);
            }
            if ids.len() < 2 {
                io.read_buf(&mut input).await.unwrap();
            }
        }
        ids
    };
    // It spins on: the clock does not go by itself while somebody is busy.
    let tick = async {
        for _ in 0..40 {
            tokio::time::advance(Duration::from_millis(50)).await;
            tokio::task::yield_now().await;
        }
    };
    let ((), ids, ()) = tokio::join!(run, read, tick);
    assert_eq!(ids, [(3, FrameKind::Item), (1, FrameKind::Error)]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_open_a_stream_waits_no_longer_than_it_has() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (serving_far, jobs) = serving(|_| {});
    let mut server = Driven::new(connection(far, Side::Accepting, serving_far));
    let near = connection(near, Side::Connecting, serving(|_| {}).0);
    let peer = near.owner();
    let mut near = Driven::new(near);
    near.connection.mux.with(|state, woken| state.allow(2, woken));

    let mut held: Vec<_> =
        (0..2).map(|_| Box::pin(peer.channel::<u64, u64>("ctl", ()).into_future())).collect();
    let mut held: Vec<_> = held.iter_mut().map(|open| poll_once(open.as_mut())).collect();
    settle(&mut [&mut near, &mut server]).await;
    assert_eq!((peer.in_flight(), jobs.len()), (2, 2));

    let flags: Vec<_> = (0..4).map(|_| Arc::new(Flag::default())).collect();
    let mut calls: Vec<_> = (0..4)
        .map(|n| Box::pin(peer.call::<u64>("one", ()).timeout(Duration::from_millis(100 * (n + 1)))))
        .collect();
    let poll = |call: &mut Pin<Box<_>>, flag: &Arc<Flag>| {
        let waker = Waker::from(flag.clone());
        Future::poll(Pin::as_mut(call), &mut Context::from_waker(&waker))
    };
    for (call, flag) in calls.iter_mut().zip(&flags) {
        assert!(poll(call, flag).is_pending());
    }
    settle(&mut [&mut near, &mut server]).await;
    tokio::time::sleep(Duration::from_millis(101)).await;
    settle(&mut [&mut near, &mut server]).await;
    let woken: Vec<_> = flags.iter().map(|flag| flag.0.swap(false, Ordering::AcqRel)).collect();
    assert_eq!(woken, [true, false, false, false]);
    match poll(&mut calls[0], &flags[0]) {
        Poll::Ready(Err(status)) => assert!(status.code == Code::DeadlineExceeded && status.was_not_run()),
        other => panic!("{other:?}"),
    }
    // The first to wait is the first to have a place; who goes away lets the next one have it.
    drop(held.pop());
    settle(&mut [&mut near, &mut server]).await;
    let woken: Vec<_> = flags.iter().map(|flag| flag.0.swap(false, Ordering::AcqRel)).collect();
    assert_eq!(woken, [false, true, false, false]);
    drop(calls.drain(..2));
    assert!(flags[2].0.swap(false, Ordering::AcqRel), "the next was not told");
    assert!(poll(&mut calls[0], &flags[2]).is_pending());
    settle(&mut [&mut near, &mut server]).await;
    assert!(matches!(poll(&mut calls[0], &flags[2]), Poll::Ready(Ok(1))));
    drop(calls);
    drop((held, jobs));
    settle(&mut [&mut near, &mut server]).await;
    near.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_connection_closes_with_the_last_stream_of_the_last_handle() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (serving_far, _jobs) = serving(|_| {});
    let mut server = Driven::new(connection(far, Side::Accepting, serving_far));
    let near = connection(near, Side::Connecting, serving(|_| {}).0);
    let peer = near.owner();
    let mut near = Driven::new(near);
    let mut items = {
        let mut open = Box::pin(peer.stream::<Bytes>("zeros", ()).into_future());
        match poll_once(open.as_mut()) {
            Poll::Ready(items) => items.unwrap(),
            Poll::Pending => panic!("it is opened at once"),
        }
    };
    drop(peer);
    settle(&mut [&mut near, &mut server]).await;
    assert!(near.end.is_none());
    assert!(matches!(poll_once(std::pin::pin!(items.next())), Poll::Ready(Some(Ok(_)))));
    drop(items);
    settle(&mut [&mut near, &mut server]).await;
    assert!(matches!(near.end, Some(End::Closed)), "{:?}", near.end);
    near.assert_empty();
    server.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_on_one_stream_are_woken() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (serving_far, mut jobs) = serving(|_| {});
    let mut server = Driven::new(connection(far, Side::Accepting, serving_far));
    let near = connection(near, Side::Connecting, serving(|_| {}).0);
    let peer = near.owner();
    let mut near = Driven::new(near);
    let mut open = Box::pin(peer.channel::<Bytes, Bytes>("ctl", ()).into_future());
    let Poll::Ready(Ok(channel)) = poll_once(open.as_mut()) else { panic!("it is opened at once") };
    for _ in 0..64 {
        let sent = poll_once(std::pin::pin!(channel.send(Bytes::from_static(b"x"))));
        assert!(matches!(sent, Poll::Ready(Ok(()))));
    }
    let flags: Vec<_> = (0..6).map(|_| Arc::new(Flag::default())).collect();
    let mut senders: Vec<_> = (0..3).map(|_| Box::pin(channel.send(Bytes::from_static(b"x")))).collect();
    let mut readers: Vec<_> = (0..3).map(|_| Box::pin(channel.result::<u64>())).collect();
    let waker = |place: usize| Waker::from(flags[place].clone());
    for place in 0..3 {
        assert!(senders[place].as_mut().poll(&mut Context::from_waker(&waker(place))).is_pending());
        assert!(readers[place].as_mut().poll(&mut Context::from_waker(&waker(3 + place))).is_pending());
    }
    settle(&mut [&mut near, &mut server]).await;
    let job = jobs.recv().await.unwrap();
    let mut there = job.channel.unwrap();
    for _ in 0..64 {
        assert!(matches!(poll_once(std::pin::pin!(there.recv())), Poll::Ready(Ok(Some(_)))));
    }
    settle(&mut [&mut near, &mut server]).await;
    assert!((0..3).all(|place| flags[place].0.load(Ordering::Acquire)), "a sender was forgotten");
    job.answer.send(Answered::Value(9)).unwrap();
    settle(&mut [&mut near, &mut server]).await;
    for place in 0..3 {
        assert!(flags[3 + place].0.load(Ordering::Acquire), "a reader was forgotten");
        let read = readers[place].as_mut().poll(&mut Context::from_waker(&waker(3 + place)));
        assert!(matches!(read, Poll::Ready(Ok(9))));
    }
    drop((senders, readers));
    drop((channel, there));
    settle(&mut [&mut near, &mut server]).await;
    near.assert_empty();
    server.assert_empty();
}
