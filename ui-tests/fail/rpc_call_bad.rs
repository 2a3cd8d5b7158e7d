#![allow(unused)]
use asyncapy::prelude::*;
use asyncapy::rpc::Peer;

#[rpc]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(0..to)
}

struct Other;

async fn calls(peer: &Peer) -> Result<(), Status> {
    // Nobody calls.
    sum::call(1, 2).await?;
    sum::call(&Other, 1, 2).await?;
    // What comes is not said.
    let sum = peer.call("sum", (1, 2)).await?;
    // Items are waited for.
    for number in count::call(peer, 3).await? {}
    Ok(())
}

fn main() {}
