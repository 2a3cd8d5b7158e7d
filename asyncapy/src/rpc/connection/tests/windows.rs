//! What was taken of the connection's window, or never will be, is given back in time.

use super::*;

const NONE: Flags = Flags::NONE;

/// With which a connection and a stream start (protocol V3, "Credits").
const CONNECTION: u32 = 8 * 1024 * 1024;
const STREAM: u32 = 64 * 1024;

/// What the connection has granted anew of its own window, in bytes.
async fn granted(far: &mut Far) -> u32 {
    let frames = far.frames().await;
    let credits = frames.iter().filter(|(frame, _)| frame.stream == 0);
    let granted = credits.map(|(frame, _)| match frame.fields {
        Fields::Credit { bytes, .. } => bytes,
        _ => panic!("{:?}: {frame:?}", far.driven.end),
    });
    granted.sum()
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_given_back_though_nobody_asks_for_more() {
    let mut far = Far::new(|serving| serving.settings.calls = 1024);
    let mut jobs = Vec::new();
    // More than the connection's window in all, and on no stream enough for a grant.
    for id in (1..).step_by(2).take(600) {
        far.open(id, "ctl", NONE);
        far.item(id, &[1; 16 * 1024], NONE);
        far.settle().await;
        let mut job = far.jobs.try_recv().unwrap();
        let taken = poll_once(std::pin::pin!(job.channel.as_mut().unwrap().recv()));
        assert!(matches!(taken, Poll::Ready(Ok(Some(item))) if item.len() == 16 * 1024));
        jobs.push(job);
    }
    assert!(granted(&mut far).await > 0);
    far.expect_life(2001).await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_given_back_at_once() {
    for answered in [false, true] {
        let mut far = Far::new(|_| {});
        let ids = (1..).step_by(2).take((CONNECTION / STREAM) as usize);
        for id in ids {
            far.open(id, "ctl", NONE);
            (0..4).for_each(|_| far.item(id, &[1; STREAM as usize / 4], NONE));
        }
        assert_eq!(granted(&mut far).await, 0);
        let mut channels = Vec::new();
        let mut answers = Vec::new();
        while let Ok(job) = far.jobs.try_recv() {
            match answered {
                true => job.answer.send(Answered::Value(1)).unwrap(),
                false => answers.push(job.answer),
            }
            channels.extend(job.channel);
        }
        assert_eq!(granted(&mut far).await, 0, "answered: {answered}");
        drop(channels);
        assert_eq!(granted(&mut far).await, CONNECTION, "answered: {answered}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_which_only_the_sender_is_left_holds_nothing() {
    let mut far = Far::new(|serving| serving.settings.calls = 1024);
    let mut senders = Vec::new();
    for id in (1..).step_by(2).take(2 * (CONNECTION / STREAM) as usize) {
        far.open(id, "ctl", NONE);
        far.item(id, &[1; STREAM as usize / 2], NONE);
        far.settle().await;
        let mut job = far.jobs.try_recv().expect("there is room for the call");
        let (sender, receiver) = job.channel.take().unwrap().split();
        drop(receiver);
        // What comes later is forgotten as well.
        far.item(id, &[1; STREAM as usize / 2], NONE);
        far.settle().await;
        assert!(far.driven.end.is_none(), "{:?}", far.driven.end);
        let sent = poll_once(std::pin::pin!(sender.send(Bytes::from_static(b"x"))));
        assert!(matches!(sent, Poll::Ready(Ok(()))), "it can still send");
        senders.push((sender, job.answer));
    }
}
