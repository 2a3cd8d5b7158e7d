//! Whatever is given up, by whomever and wherever it waits, is let go of everywhere; and nobody waits for what is lost.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::{Items, Status};
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{Flags, Streams, at_rest, eventually, in_time};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::yield_now;

/// How many calls are alive in their functions.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct Guard(Alive);

impl Alive {
    fn enter(&self) -> Guard {
        self.0.fetch_add(1, Ordering::Relaxed);
        Guard(self.clone())
    }

    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits so many times before it answers.
#[rpc(group = "cut")]
async fn steps(State(alive): State<Alive>, steps: u32) -> u32 {
    let _guard = alive.enter();
    for _ in 0..steps {
        yield_now().await;
    }
    steps
}

#[rpc(group = "cut")]
async fn sleeps(State(alive): State<Alive>) {
    let _guard = alive.enter();
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

#[rpc(group = "cut")]
async fn counts(State(alive): State<Alive>, to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::produce(async move |sink| {
        let _guard = alive.enter();
        for number in 0..to {
            yield_now().await;
            sink.send(number).await;
        }
    })
}

#[rpc(group = "cut")]
async fn echoes(State(alive): State<Alive>, mut channel: Channel<String, String>) -> Result<u32, Status> {
    let _guard = alive.enter();
    let mut count = 0;
    while let Some(item) = channel.recv().await? {
        channel.send(item).await?;
        count += 1;
    }
    Ok(count)
}

fn builder(alive: &Alive) -> Builder {
    let builder = Server::builder().register(steps).register(sleeps).register(counts).register(echoes);
    builder.state(alive.clone())
}

async fn server() -> (Running, Alive) {
    let alive = Alive::default();
    (builder(&alive).build().unwrap().start_in_memory().await.unwrap(), alive)
}

/// Nothing is alive any more, and the connection still serves.
async fn let_go(server: &Running, alive: &Alive, peer: &Peer) {
    eventually("the functions are dropped", || alive.now() == 0).await;
    eventually("the permits are back", || server.handle().stats().calls == 0).await;
    assert_eq!(peer.in_flight(), 0);
    assert_eq!(in_time("a call", steps::call(peer, 1)).await.unwrap(), 1);
}

/// Polls a future so many times, the others going on in between; none if it has ended.
async fn poll_times<F: Future + Unpin>(mut future: F, times: usize) -> Option<F> {
    for _ in 0..times {
        if Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return None;
        }
        yield_now().await;
    }
    Some(future)
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_dropped_at_each_of_its_polls() {
    let (server, alive) = server().await;
    let peer = server.handle().peer().unwrap();
    let mut seen = 0;
    for times in 0.. {
        let call = steps::call(&peer, 12);
        let left = poll_times(call, times).await;
        seen = seen.max(alive.now());
        let ended = left.is_none();
        drop(left);
        let_go(&server, &alive, &peer).await;
        if ended {
            break;
        }
    }
    assert_eq!(seen, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_and_a_channel_can_be_dropped_at_any_time() {
    let (server, alive) = server().await;
    let peer = server.handle().peer().unwrap();
    for times in 0..40 {
        let mut items: Items<u32> = counts::call(&peer, 30).await.unwrap();
        for wanted in 0..times {
            match in_time("an item", items.next()).await {
                Some(item) => assert_eq!(item.unwrap(), wanted),
                None => assert!(wanted >= 30),
            }
        }
        drop(items);
        let_go(&server, &alive, &peer).await;

        let mut channel = echoes::call(&peer).await.unwrap();
        for round in 0..times {
            channel.send(round.to_string()).await.unwrap();
            if round % 3 == 0 {
                yield_now().await;
            }
        }
        for round in 0..times / 2 {
            assert_eq!(channel.recv().await.unwrap(), Some(round.to_string()));
        }
        if times % 3 == 0 {
            channel.finish();
        }
        if times % 2 == 0 {
            let (sender, receiver) = channel.split();
            drop(receiver);
            drop(sender);
        } else {
            drop(channel);
        }
        let_go(&server, &alive, &peer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_of_either_side_drop_the_function() {
    let (server, alive) = server().await;
    let peer = server.handle().peer().unwrap();
    for millis in [0, 1, 50] {
        let late = sleeps::call(&peer).timeout(Duration::from_millis(millis)).await.unwrap_err();
        assert_eq!(late.code, Code::DeadlineExceeded);
        let_go(&server, &alive, &peer).await;
    }
    let mut items = counts::call(&peer, u32::MAX).timeout(Duration::from_millis(50)).await.unwrap();
    in_time("the deadline", async {
        while let Some(item) = items.next().await {
            if let Err(status) = item {
                assert_eq!(status.code, Code::DeadlineExceeded);
                return;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        panic!("the stream ended well");
    })
    .await;
    drop(items);
    let_go(&server, &alive, &peer).await;
    // A caller that only says how long it waits, and does nothing about it.
    let mut raw = Streams::in_memory(&server);
    raw.frame(0, 2, Flags::END | Flags::NAME | Flags::DEADLINE, 1, b"\0\0\x0acut.sleeps\0\0\0\x32");
    raw.send().await;
    assert_eq!(raw.next().await.as_deref(), Some("ERROR 1 ERR_DEADLINE_EXCEEDED"));
    let_go(&server, &alive, &peer).await;
    drop((raw, peer));
    at_rest(&server.handle()).await;
}

/// A stream that lets so many bytes pass, both ways together, and then is cut.
struct Cut {
    inner: Option<DuplexStream>,
    left: usize,
    passed: Arc<AtomicUsize>,
}

impl Cut {
    fn passed(&mut self, bytes: usize) {
        self.left -= bytes;
        self.passed.fetch_add(bytes, Ordering::Relaxed);
        if self.left == 0 {
            self.inner = None;
        }
    }
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(Ok(())) };
        let mut part = buffer.take(this.left);
        let polled = Pin::new(inner).poll_read(context, &mut part);
        let read = part.filled().len();
        // The part is the front of the rest of the buffer, and was written by a safe reader.
        let bytes = part.filled().to_vec();
        buffer.put_slice(&bytes);
        this.passed(read);
        polled
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let part = &bytes[..bytes.len().min(this.left)];
        let polled = Pin::new(inner).poll_write(context, part);
        if let Poll::Ready(Ok(written)) = polled {
            this.passed(written);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner = None;
        Poll::Ready(Ok(()))
    }
}

/// A call, a stream and a channel at once; each ends well or is told that the connection is lost.
async fn exchange(peer: &Peer) -> usize {
    let unary = async { steps::call(peer, 3).await.map(|steps| assert_eq!(steps, 3)) };
    let stream = async {
        let mut items = counts::call(peer, 5).await?;
        for wanted in 0..5 {
            assert_eq!(items.next().await.expect("an item or why there is none")?, wanted);
        }
        match items.next().await {
            Some(end) => end.map(|_| ()),
            None => Ok(()),
        }
    };
    let channel = async {
        let mut channel = echoes::call(peer).await?;
        for round in 0..4 {
            channel.send(round.to_string()).await?;
            assert_eq!(channel.recv().await?, Some(round.to_string()));
        }
        channel.finish();
        assert_eq!(channel.recv().await?, None);
        channel.result::<u32>().await.map(|count| assert_eq!(count, 4))
    };
    let ends: [Result<(), Status>; 3] = tokio::join!(unary, stream, channel).into();
    for end in &ends {
        if let Err(status) = end {
            assert_eq!(status.code, Code::Unavailable, "{status}");
        }
    }
    ends.iter().filter(|end| end.is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_be_cut_after_each_of_its_bytes() {
    let (server, alive) = server().await;
    let passed = Arc::<AtomicUsize>::default();
    let mut most = 0;
    let mut whole = usize::MAX;
    for left in std::iter::once(usize::MAX).chain(1..) {
        if left != usize::MAX && left > whole {
            break;
        }
        passed.store(0, Ordering::Relaxed);
        let inner =
            Some(server.handle().connect_from([10, 0, (left >> 8) as u8, left as u8].into()).unwrap());
        let peer = Peer::builder().over(Cut { inner, left, passed: passed.clone() }).unwrap();
        let well = in_time("the exchange", pin!(exchange(&peer))).await;
        if left == usize::MAX {
            assert_eq!(well, 3);
            whole = passed.load(Ordering::Relaxed);
            assert!((200..2000).contains(&whole), "{whole}");
        } else {
            most = most.max(well);
            assert!(left == whole || well < 3, "after {left} of {whole} bytes");
        }
        drop(peer);
        eventually("the functions are dropped", || alive.now() == 0).await;
        at_rest(&server.handle()).await;
    }
    assert!(most >= 2);
}
