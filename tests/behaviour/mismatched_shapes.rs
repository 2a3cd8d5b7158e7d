//! Whoever asks for a stream and gets one value is told so, and the other way round: over a socket and in memory, in both
//! encodings, with middleware and without.

use asyncapy::prelude::*;
use asyncapy::rpc::middleware::{Next, OutgoingCall, from_fn};
use asyncapy::rpc::{Caller, Items, Peer};
use asyncapy_tests::in_time;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::call_failures::connections;

#[rpc(group = "shapes")]
async fn one() -> u32 {
    1
}

#[rpc(group = "shapes")]
async fn nothing() {}

#[rpc(group = "shapes")]
async fn raw() -> Bytes {
    Bytes::from_static(b"bytes")
}

#[rpc(group = "shapes")]
async fn none() -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter([])
}

#[rpc(group = "shapes")]
async fn few() -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(0..3)
}

/// Tells its end.
struct Ends(mpsc::UnboundedSender<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[rpc(group = "shapes")]
async fn endless(State(ends): State<mpsc::UnboundedSender<()>>) -> Streaming<impl Stream<Item = u32>> {
    let ends = Ends(ends);
    Streaming::produce(async move |sink| {
        let _ends = ends;
        loop {
            sink.send(7).await;
        }
    })
}

#[rpc(group = "shapes")]
async fn total(mut channel: Channel<u32>) -> Result<u32, Status> {
    let mut total = 0;
    while let Some(item) = channel.recv().await? {
        total += item;
    }
    Ok(total)
}

/// Sends an item, whether or not one comes.
#[rpc(group = "shapes")]
async fn greets(channel: Channel<u32, u32>) -> Result<u32, Status> {
    channel.send(5).await?;
    Ok(6)
}

fn stream_wanted() -> Status {
    Status::new(Code::RequestMalformed).message("a stream was asked for, and the function gives one value")
}

fn value_wanted() -> Status {
    Status::new(Code::RequestMalformed).message("one value was asked for, and the function gives a stream")
}

async fn next(items: &mut Items<u32>) -> Option<Result<u32, Status>> {
    in_time("the stream goes on", items.next()).await
}

async fn streams<C: Caller>(name: &str, caller: &C, open: impl AsyncFn(&C, &'static str) -> Items<u32>) {
    for target in ["shapes.one", "shapes.nothing", "shapes.raw", "shapes.total"] {
        let mut items = open(caller, target).await;
        assert_eq!(next(&mut items).await, Some(Err(stream_wanted())), "{target} {name}");
        assert_eq!(next(&mut items).await, None, "{target} {name}: there is nothing after an error");
    }
    // What has come stays good, until the end shows what it was.
    let mut items = open(caller, "shapes.greets").await;
    assert_eq!(next(&mut items).await, Some(Ok(5)), "{name}");
    assert_eq!(next(&mut items).await, Some(Err(stream_wanted())), "{name}");
    let mut items = open(caller, "shapes.none").await;
    assert_eq!(next(&mut items).await, None, "{name}");
    let mut items = open(caller, "shapes.few").await;
    for n in 0..3 {
        assert_eq!(next(&mut items).await, Some(Ok(n)), "{name}");
    }
    assert_eq!(next(&mut items).await, None, "{name}");
}

#[tokio::test]
async fn calls_and_streams_of_the_other_shape_fail() {
    let (ends, mut ended) = mpsc::unbounded_channel::<()>();
    let server = Server::builder().linked_in(module_path!()).state(ends);
    let (_server, connections) = connections(server).await;
    for (name, peer) in &connections {
        let layered = peer
            .clone()
            .with(from_fn(async |call: OutgoingCall, next: Next<OutgoingCall>| next.run(call).await));
        streams(name, peer, async |peer, target| peer.stream(target, ()).await.unwrap()).await;
        streams(name, &layered, async |layered, target| layered.stream(target, ()).await.unwrap()).await;

        for target in ["shapes.none", "shapes.few", "shapes.endless", "shapes.greets"] {
            let plain = in_time(target, peer.call::<()>(target, ())).await;
            assert_eq!(plain, Err(value_wanted()), "{target} {name}");
            let through = in_time(target, layered.call::<()>(target, ())).await;
            assert_eq!(through, Err(value_wanted()), "{target} {name}");
        }
        for _ in 0..2 {
            in_time("the stream is dropped where it waits", ended.recv()).await.unwrap();
        }
        assert_eq!(peer.call::<u32>("shapes.total", ()).await, Ok(0), "a result is a result: {name}");
        peer.call::<()>("shapes.nothing", ()).await.unwrap();
        channels(name, peer).await;
        assert_eq!(peer.in_flight(), 0, "{name}");
    }
}

/// A channel takes what there is, items and a result.
async fn channels(name: &str, peer: &Peer) {
    let mut channel = peer.channel::<u32, u32>("shapes.greets", ()).await.unwrap();
    assert_eq!(channel.recv().await, Ok(Some(5)), "{name}");
    assert_eq!(channel.recv().await, Ok(None), "{name}");
    assert_eq!(channel.result::<u32>().await, Ok(6), "{name}");
    let mut channel = peer.channel::<u32, u32>("shapes.one", ()).await.unwrap();
    assert_eq!(channel.recv().await, Ok(None), "{name}");
    assert_eq!(channel.result::<u32>().await, Ok(1), "{name}");
}
