#![allow(unused)]
use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};

#[rpc]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc(remote)]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>>;

#[rpc(remote)]
async fn shout(channel: Channel<String, u32>);

async fn calls(peer: &Peer) -> Result<(), Status> {
    sum::call(peer, "a", 2).await?;
    sum::call(peer, 1).await?;
    let text: String = sum::call(peer, 1, 2).await?;
    let item: Option<Result<String, Status>> = count::call(peer, 2).await?.next().await;
    shout::call(peer).await?.send(5).await?;
    Ok(())
}

fn main() {}
