//! Random operations on both ends of streams over two connections, against a model of what each must see.
//!
//! In the end all is let go of, or one side goes away, or is gone. After each operation both connections come to rest, so that the model need not know what is on its way.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::rpc::{Call, Receiver, Sender};

const SIZES: [usize; 5] = [1, 700, 9_000, 40_000, 70_000];
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
enum Op {
    /// From which side, whether with a deadline.
    Open(usize, bool),
    /// Which stream, at its opener or at its function, which of the sizes.
    Send(usize, bool, usize),
    /// So many times.
    Receive(usize, bool, usize),
    Finish(usize, bool),
    DropSender(usize, bool),
    DropAll(usize, bool),
    Answer(usize, Answered),
    Call(usize),
    Wait(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let stream = 0..8usize;
    let end = any::<bool>();
    let op = prop_oneof![
        3 => (0..2usize, prop::bool::weighted(0.2)).prop_map(|(side, late)| Op::Open(side, late)),
        12 => (stream.clone(), end, 0..SIZES.len()).prop_map(|(at, end, size)| Op::Send(at, end, size)),
        8 => (stream.clone(), end, 1..40usize).prop_map(|(at, end, times)| Op::Receive(at, end, times)),
        2 => (stream.clone(), end).prop_map(|(at, end)| Op::Finish(at, end)),
        1 => (stream.clone(), end).prop_map(|(at, end)| Op::DropSender(at, end)),
        2 => (stream.clone(), end).prop_map(|(at, end)| Op::DropAll(at, end)),
        2 => (stream, prop_oneof![
            (0..9u64).prop_map(Answered::Value),
            Just(Answered::Failure),
            Just(Answered::Panic),
        ]).prop_map(|(at, how)| Op::Answer(at, how)),
        1 => (0..2usize).prop_map(Op::Call),
        1 => (1..6u64).prop_map(Op::Wait),
    ];
    prop::collection::vec(op, 1..160)
}

/// One direction of a stream, as the model has it.
#[derive(Debug)]
struct Way {
    items: VecDeque<usize>,
    sent: u8,
    taken: u8,
    credit: (i64, i64),
    /// Taken and not granted anew.
    untold: (i64, i64),
    /// The receiver's room, which doubles while it finds nothing and has the connection to itself.
    room: (i64, i64),
    starved: bool,
    /// How many streams the connection had had when the receiver granted last, and until when that was too many.
    streams: u64,
    shared: Option<tokio::time::Instant>,
    /// Whether the sender sends nothing more.
    finished: bool,
}

impl Way {
    fn new(streams: u64) -> Self {
        Self {
            items: VecDeque::new(),
            sent: 0,
            taken: 0,
            credit: (64, 65_536),
            untold: (0, 0),
            room: (64, 65_536),
            starved: false,
            streams,
            shared: None,
            finished: false,
        }
    }

    fn send(&mut self, size: usize) -> bool {
        let allowed = self.credit.0 > 0 && self.credit.1 > 0;
        if allowed {
            self.credit = (self.credit.0 - 1, self.credit.1 - size as i64);
            self.items.push_back(size);
            self.sent = self.sent.wrapping_add(1);
        }
        allowed
    }

    /// The next item's size; grants as the receiver must, unless the sender will send nothing more.
    fn take(&mut self, over: bool, streams: u64) -> Option<usize> {
        let Some(size) = self.items.pop_front() else {
            self.starved = true;
            return None;
        };
        self.taken = self.taken.wrapping_add(1);
        self.untold = (self.untold.0 + 1, self.untold.1 + size as i64);
        let due = (self.untold.0 >= self.room.0 / 2, self.untold.1 >= self.room.1 / 2);
        if !over && (due.0 || due.1) {
            let now = tokio::time::Instant::now();
            if streams != self.streams {
                self.streams = streams;
                self.shared = Some(now + Duration::from_secs(1));
            }
            let most = match self.shared {
                Some(until) if now < until => (256, 65_536),
                _ => (2048, 262_144),
            };
            let starved = std::mem::take(&mut self.starved);
            let resized = |room: i64, due: bool, untold: i64, most: i64| {
                let wanted = if starved && due { room * 2 } else { room };
                wanted.min(most).max(room - untold)
            };
            let room = (
                resized(self.room.0, due.0, self.untold.0, most.0),
                resized(self.room.1, due.1, self.untold.1, most.1),
            );
            self.credit.0 += self.untold.0 + room.0 - self.room.0;
            self.credit.1 += self.untold.1 + room.1 - self.room.1;
            (self.room, self.untold) = (room, (0, 0));
        }
        Some(size)
    }
}

/// How a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Answered(Answered),
    Late,
    /// By the opener, who let go of it.
    Cancelled,
}

struct Stream {
    side: usize,
    sender: [Option<Sender<Bytes>>; 2],
    receiver: [Option<Receiver<Bytes>>; 2],
    answer: Option<oneshot::Sender<Answered>>,
    /// To the function, from it.
    ways: [Way; 2],
    ended: Option<Ended>,
    deadline: Option<tokio::time::Instant>,
}

/// What a receiver saw.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Item(u8, usize),
    End,
    Failed(Code),
    Nothing,
}

impl Stream {
    fn let_go(&mut self, at: usize) {
        self.sender[at] = None;
        self.receiver[at] = None;
        self.ways[at].finished = true;
        if at == 0 && self.ended.is_none() {
            self.ended = Some(Ended::Cancelled);
        }
    }

    /// What an end that has no more items must see.
    fn end_seen_by(&self, at: usize) -> Seen {
        match (self.ended, at) {
            (Some(Ended::Answered(Answered::Value(_))), _) => Seen::End,
            // The function's own end is told no more than that it is over.
            (Some(Ended::Answered(_)), 1) => Seen::End,
            (Some(Ended::Answered(Answered::Failure)), _) => Seen::Failed(Code::HandlerFailed),
            (Some(Ended::Answered(Answered::Panic)), _) => Seen::Failed(Code::HandlerPanicked),
            (Some(Ended::Late), _) => Seen::Failed(Code::DeadlineExceeded),
            (Some(Ended::Cancelled), _) => Seen::Failed(Code::Cancelled),
            // A function's end comes with its value alone.
            (None, 1) if self.ways[0].finished => Seen::End,
            (None, _) => Seen::Nothing,
        }
    }
}

struct World {
    sides: [Driven; 2],
    peers: [Peer; 2],
    jobs: [Jobs; 2],
    streams: Vec<Stream>,
    /// Streams that the connection has had, calls among them.
    opened: u64,
}

impl World {
    fn new() -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let ((near_serves, near_jobs), (far_serves, far_jobs)) = (serving(|_| {}), serving(|_| {}));
        let near = connection(near, Side::Connecting, near_serves);
        let far = connection(far, Side::Accepting, far_serves);
        let peers = [near.owner(), far.owner()];
        let sides = [Driven::new(near), Driven::new(far)];
        Self { sides, peers, jobs: [near_jobs, far_jobs], streams: Vec::new(), opened: 0 }
    }

    async fn settle(&mut self) {
        let [near, far] = &mut self.sides;
        settle(&mut [near, far]).await;
    }

    async fn open(&mut self, side: usize, late: bool) {
        if self.streams.len() >= 8 {
            return;
        }
        let mut open = self.peers[side].channel::<Bytes, Bytes>("ctl", ());
        if late {
            open = open.timeout(DEADLINE);
        }
        let mut open = Box::pin(open.into_future());
        let Poll::Ready(Ok(channel)) = poll_once(open.as_mut()) else { panic!("it is opened at once") };
        drop(open);
        self.opened += 1;
        self.settle().await;
        let mut job = self.jobs[1 - side].try_recv().expect("the function has begun");
        let (sender, receiver) = channel.split();
        let (their_sender, their_receiver) = job.channel.take().unwrap().split();
        self.streams.push(Stream {
            side,
            sender: [Some(sender), Some(their_sender)],
            receiver: [Some(receiver), Some(their_receiver)],
            answer: Some(job.answer),
            ways: [Way::new(self.opened), Way::new(self.opened)],
            ended: None,
            deadline: late.then(|| tokio::time::Instant::now() + DEADLINE),
        });
    }

    async fn run(&mut self, op: Op) {
        match op {
            Op::Open(side, late) => self.open(side, late).await,
            Op::Send(at, end, size) => {
                let Some(stream) = self.streams.get_mut(at) else { return };
                let end = usize::from(end);
                let (sender, way) = (&stream.sender[end], &mut stream.ways[end]);
                let Some(sender) = sender else { return };
                let payload = Bytes::from(vec![way.sent; SIZES[size]]);
                let sent = poll_once(std::pin::pin!(sender.send(payload)));
                if way.finished || stream.ended.is_some() {
                    assert!(matches!(sent, Poll::Ready(Err(_))), "{sent:?}");
                } else if way.send(SIZES[size]) {
                    assert!(matches!(sent, Poll::Ready(Ok(()))), "{sent:?}");
                } else {
                    assert!(sent.is_pending(), "{sent:?} without credit");
                }
            }
            Op::Receive(at, end, times) => {
                let Some(stream) = self.streams.get_mut(at) else { return };
                let end = usize::from(end);
                for _ in 0..times {
                    let (ended, number) = (stream.ended, stream.ways[1 - end].taken);
                    let over = ended.is_some() || stream.ways[1 - end].finished && end == 1;
                    let Some(receiver) = &mut stream.receiver[end] else { return };
                    let seen = match poll_once(std::pin::pin!(receiver.recv())) {
                        Poll::Ready(Ok(Some(item))) => Seen::Item(item[0], item.len()),
                        Poll::Ready(Ok(None)) => Seen::End,
                        // A function may learn first that its caller gives up, or that it is too late itself.
                        Poll::Ready(Err(status)) if end == 1 && ended == Some(Ended::Late) => {
                            assert!(matches!(status.code, Code::Cancelled | Code::DeadlineExceeded));
                            Seen::Failed(Code::DeadlineExceeded)
                        }
                        Poll::Ready(Err(status)) => Seen::Failed(status.code),
                        Poll::Pending => Seen::Nothing,
                    };
                    let expected = match stream.ways[1 - end].take(over, self.opened) {
                        Some(size) => Seen::Item(number, size),
                        None => stream.end_seen_by(end),
                    };
                    assert_eq!(seen, expected);
                }
            }
            Op::Finish(at, end) => {
                let Some(stream) = self.streams.get_mut(at) else { return };
                let Some(sender) = &stream.sender[usize::from(end)] else { return };
                sender.finish();
                stream.ways[usize::from(end)].finished = true;
            }
            Op::DropSender(at, end) => {
                let Some(stream) = self.streams.get_mut(at) else { return };
                stream.sender[usize::from(end)] = None;
                stream.ways[usize::from(end)].finished = true;
                if stream.receiver[usize::from(end)].is_none() {
                    stream.let_go(usize::from(end));
                }
            }
            Op::DropAll(at, end) => {
                let Some(stream) = self.streams.get_mut(at) else { return };
                stream.let_go(usize::from(end));
            }
            Op::Answer(at, how) => {
                let Some(stream) = self.streams.get_mut(at) else { return };
                let Some(answer) = stream.answer.take() else { return };
                assert_eq!(answer.send(how).is_ok(), stream.ended.is_none());
                stream.ended.get_or_insert(Ended::Answered(how));
            }
            Op::Call(side) => self.call(side).await,
            Op::Wait(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                self.settle().await;
                let now = tokio::time::Instant::now();
                for stream in &mut self.streams {
                    if stream.deadline.is_some_and(|deadline| deadline <= now) {
                        stream.ended.get_or_insert(Ended::Late);
                    }
                }
            }
        }
        self.settle().await;
        self.check();
    }

    async fn call(&mut self, side: usize) {
        let peer = self.peers[side].clone();
        let mut call: Pin<Box<Call<'_, Peer, _, u64>>> = Box::pin(peer.call("one", ()));
        assert!(poll_once(call.as_mut()).is_pending());
        self.opened += 1;
        self.settle().await;
        assert!(matches!(poll_once(call.as_mut()), Poll::Ready(Ok(1))), "the connection is not usable");
    }

    /// What must hold at any time.
    fn check(&mut self) {
        for side in &mut self.sides {
            assert!(side.end.is_none(), "{:?}", side.end);
            for id in 1..40 {
                let (bytes, items) = side.connection.mux.lock().buffered(id);
                assert!(
                    items <= 2048 && bytes < 262_144 + SIZES[SIZES.len() - 1],
                    "{items} items, {bytes} bytes"
                );
            }
        }
        for stream in &mut self.streams {
            if stream.ended.is_some() {
                assert!(
                    stream.answer.as_ref().is_none_or(oneshot::Sender::is_closed),
                    "the function goes on"
                );
            }
            // Each ends once, and as the model says.
            if let Some(receiver) = &stream.receiver[0] {
                let seen = match poll_once(std::pin::pin!(receiver.result::<u64>())) {
                    Poll::Pending => None,
                    Poll::Ready(Ok(value)) => Some(Ended::Answered(Answered::Value(value))),
                    Poll::Ready(Err(status)) => Some(match status.code {
                        Code::HandlerFailed => Ended::Answered(Answered::Failure),
                        Code::HandlerPanicked => Ended::Answered(Answered::Panic),
                        Code::DeadlineExceeded => Ended::Late,
                        other => panic!("{other}"),
                    }),
                };
                assert_eq!(seen, stream.ended);
            }
        }
        for side in 0..2 {
            let open = self.streams.iter().filter(|stream| stream.side == side);
            let held = open.filter(|stream| stream.sender[0].is_some() || stream.receiver[0].is_some());
            assert_eq!(self.peers[side].in_flight(), held.count());
        }
    }

    /// One side goes away: what is under way goes on to its end, nothing new begins, and then both close.
    async fn leave(mut self, side: usize) {
        self.peers[side].close();
        self.settle().await;
        for peer in &self.peers {
            match poll_once(Box::pin(peer.call::<u64>("one", ())).as_mut()) {
                Poll::Ready(Err(status)) => assert!(status.was_not_run(), "{status}"),
                other => panic!("{other:?} of a side that goes away"),
            }
        }
        let open = |stream: &Stream| stream.ended.is_none();
        if self.streams.iter().any(open) {
            self.check();
        }
        for at in 0..self.streams.len() {
            if self.sides[0].end.is_none() && self.sides[1].end.is_none() {
                self.run_to_the_end(at).await;
            }
        }
        for stream in &mut self.streams {
            (0..2).for_each(|at| stream.let_go(at));
        }
        self.settle().await;
        for side in &self.sides {
            assert!(matches!(side.end, Some(End::Closed | End::PeerClosed)), "{:?}", side.end);
            side.assert_empty();
        }
    }

    /// A stream that was not ended is answered as if nothing were the matter.
    async fn run_to_the_end(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        let (Some(answer), None) = (stream.answer.take(), stream.ended) else { return };
        answer.send(Answered::Value(7)).unwrap();
        stream.ended = Some(Ended::Answered(Answered::Value(7)));
        let [near, far] = &mut self.sides;
        settle(&mut [near, far]).await;
        if let Some(receiver) = &self.streams[at].receiver[0] {
            let seen = poll_once(std::pin::pin!(receiver.result::<u64>()));
            assert!(matches!(seen, Poll::Ready(Ok(7))), "{seen:?}");
        }
    }

    /// One side is gone, without a word: the other side's streams end, its functions are dropped.
    async fn cut(self, side: usize) {
        let Self { sides, peers, jobs, mut streams, .. } = self;
        let [near, far] = sides;
        let (gone, mut left) = if side == 0 { (near, far) } else { (far, near) };
        drop(gone);
        settle(&mut [&mut left]).await;
        assert!(left.end.is_some());
        for stream in &mut streams {
            // Its functions are gone where the connection is.
            assert!(stream.answer.as_ref().is_none_or(oneshot::Sender::is_closed));
            if stream.side == side {
                continue;
            }
            stream.ended.get_or_insert(Ended::Cancelled);
            let Some(receiver) = &mut stream.receiver[0] else { continue };
            let seen = poll_once(std::pin::pin!(receiver.result::<u64>()));
            match stream.ended {
                Some(Ended::Answered(Answered::Value(value))) => {
                    assert!(matches!(seen, Poll::Ready(Ok(told)) if told == value));
                }
                Some(Ended::Cancelled) => match seen {
                    Poll::Ready(Err(status)) => assert_eq!(status.code, Code::Unavailable),
                    other => panic!("{other:?} of a connection that is lost"),
                },
                _ => assert!(matches!(seen, Poll::Ready(Err(_)))),
            }
            // What has come can still be taken.
            for size in std::mem::take(&mut stream.ways[1].items) {
                match poll_once(std::pin::pin!(receiver.recv())) {
                    Poll::Ready(Ok(Some(item))) => assert_eq!(item.len(), size),
                    other => panic!("{other:?} instead of an item"),
                }
            }
        }
        streams.iter_mut().for_each(|stream| (0..2).for_each(|at| stream.let_go(at)));
        left.assert_empty();
        match poll_once(Box::pin(peers[1 - side].call::<u64>("one", ())).as_mut()) {
            Poll::Ready(Err(status)) => assert!(status.was_not_run() && status.code == Code::Unavailable),
            other => panic!("{other:?} on a connection that is lost"),
        }
        drop((streams, jobs));
    }

    async fn end(mut self) {
        for stream in &mut self.streams {
            (0..2).for_each(|at| stream.let_go(at));
        }
        self.settle().await;
        assert!(self.streams.iter().all(|stream| stream.answer.iter().all(oneshot::Sender::is_closed)));
        self.streams.clear();
        for side in 0..2 {
            self.call(side).await;
        }
        for side in &mut self.sides {
            side.assert_empty();
            let connection = &side.connection;
            assert_eq!(connection.serving.permits.available_permits(), 8192);
            assert!(connection.output.is_empty() && connection.input.is_empty());
            // Every byte that was granted is either there or can be granted again.
            let granted = connection.mux.lock().connection_credit();
            assert!(granted > 3 << 20, "{granted} bytes are left of the connection's credit");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_do_as_the_model_says(ops in ops(), end in 0..3usize, side in 0..2usize) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for op in ops {
                world.run(op).await;
            }
            match end {
                0 => world.end().await,
                1 => world.leave(side).await,
                _ => world.cut(side).await,
            }
        });
    }
}
