//! The end of a connection that nobody on one side holds any more.

use super::*;

/// How long calls may go on when nobody holds their connection any more.
const BOUND: Duration = Duration::from_secs(30);

/// Two connections, each with functions for the other.
struct Pair {
    /// Its only owner is `owner`.
    left: Driven,
    stays: Driven,
    owner: Option<Peer>,
    /// The other's owner: it calls the functions of `left`.
    caller: Peer,
    jobs: Jobs,
    /// Keeps the functions of the side that stays at work.
    _jobs: Jobs,
}

impl Pair {
    fn new(side: Side) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let other = if side == Side::Connecting { Side::Accepting } else { Side::Connecting };
        let (functions, jobs) = serving(|_| {});
        let left = connection(near, side, functions);
        let (functions, _jobs) = serving(|_| {});
        let stays = connection(far, other, functions);
        let (owner, caller) = (Some(left.owner()), stays.owner());
        Self { left: Driven::new(left), stays: Driven::new(stays), owner, caller, jobs, _jobs }
    }

    async fn settle(&mut self) {
        settle(&mut [&mut self.left, &mut self.stays]).await;
    }

    /// A call of `ctl` by the side that stays.
    async fn call(&mut self) -> (Channel<Bytes, Bytes>, Job) {
        let mut open = Box::pin(self.caller.channel::<Bytes, Bytes>("ctl", ()).into_future());
        let Poll::Ready(Ok(channel)) = poll_once(open.as_mut()) else { panic!("it is opened at once") };
        drop(open);
        self.settle().await;
        (channel, self.jobs.recv().await.unwrap())
    }

    /// The side that stays knows that nothing new is run.
    fn expect_goodbye(&self) {
        assert!(!self.caller.is_open());
        match poll_once(std::pin::pin!(self.caller.call::<u64>("one", ()).into_future())) {
            Poll::Ready(Err(status)) => {
                assert!(status.code == Code::ShuttingDown && status.was_not_run(), "{status}");
            }
            other => panic!("{other:?}"),
        }
    }
}

const SIDES: [Side; 2] = [Side::Connecting, Side::Accepting];

#[tokio::test(start_paused = true)]
async fn calls_that_run_when_the_last_handle_goes_come_to_their_end() {
    for side in SIDES {
        let mut pair = Pair::new(side);
        let (mut channel, mut job) = pair.call().await;
        drop(pair.owner.take());
        pair.settle().await;
        pair.expect_goodbye();
        assert!(pair.left.end.is_none() && pair.stays.end.is_none());

        // Both ways it goes on as before.
        tokio::time::sleep(BOUND - Duration::from_secs(1)).await;
        pair.settle().await;
        let there = job.channel.as_mut().unwrap();
        assert!(matches!(
            poll_once(std::pin::pin!(there.send(Bytes::from_static(b"x")))),
            Poll::Ready(Ok(()))
        ));
        pair.settle().await;
        assert!(matches!(poll_once(std::pin::pin!(channel.recv())), Poll::Ready(Ok(Some(_)))));
        drop(job.channel);
        job.answer.send(Answered::Value(7)).unwrap();
        pair.settle().await;
        assert!(matches!(poll_once(std::pin::pin!(channel.result::<u64>())), Poll::Ready(Ok(7))));
        drop(channel);
        pair.settle().await;
        assert!(matches!(pair.left.end, Some(End::Closed)), "{:?}", pair.left.end);
        pair.left.assert_empty();
        pair.stays.assert_empty();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_run_too_long_after_that_are_cut() {
    for side in SIDES {
        let mut pair = Pair::new(side);
        let (channel, mut job) = pair.call().await;
        tokio::time::sleep(BOUND).await;
        pair.settle().await;
        drop(pair.owner.take());
        pair.settle().await;
        tokio::time::sleep(BOUND - Duration::from_millis(10)).await;
        pair.settle().await;
        assert!(pair.left.end.is_none() && !job.answer.is_closed(), "it is held for long enough");
        tokio::time::sleep(Duration::from_millis(20)).await;
        pair.settle().await;
        assert!(matches!(pair.left.end, Some(End::Closed)), "{:?}", pair.left.end);
        assert!(job.answer.is_closed(), "the function goes on");
        let mut there = job.channel.take().unwrap();
        match poll_once(std::pin::pin!(there.recv())) {
            Poll::Ready(Err(status)) => assert_eq!(status.code, Code::Cancelled),
            other => panic!("{other:?}"),
        }
        drop(there);
        pair.left.assert_empty();

        // Its bytes are no more, and the other side knows it.
        let Pair { left, mut stays, .. } = pair;
        drop(left);
        settle(&mut [&mut stays]).await;
        match poll_once(std::pin::pin!(channel.result::<u64>())) {
            Poll::Ready(Err(status)) => assert_eq!(status.code, Code::Unavailable),
            other => panic!("{other:?}"),
        }
        drop(channel);
        assert!(matches!(stays.end, Some(End::PeerClosed)), "{:?}", stays.end);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_our_own_holds_the_connection_like_a_handle() {
    let mut pair = Pair::new(Side::Connecting);
    let owner = pair.owner.take().unwrap();
    let mut open = Box::pin(owner.channel::<Bytes, Bytes>("ctl", ()).into_future());
    let Poll::Ready(Ok(ours)) = poll_once(open.as_mut()) else { panic!("it is opened at once") };
    drop(open);
    drop(owner);
    pair.settle().await;
    // The function there may still call ours.
    let (channel, job) = pair.call().await;
    for _ in 0..4 {
        tokio::time::sleep(BOUND / 2).await;
        pair.settle().await;
    }
    assert!(pair.left.end.is_none() && pair.caller.is_open());
    drop(ours);
    pair.settle().await;
    pair.expect_goodbye();
    job.answer.send(Answered::Value(1)).unwrap();
    drop((channel, job.channel));
    pair.settle().await;
    assert!(matches!(pair.left.end, Some(End::Closed)), "{:?}", pair.left.end);
}
