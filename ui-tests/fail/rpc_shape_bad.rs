#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
async fn one(channel: Channel<u32>) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter([5])
}

#[rpc]
async fn two(one: Channel<u32>, other: Channel<u32, u32>) {}

#[rpc]
async fn three(channel: Option<Channel<u32, u32>>) {}

fn main() {}
