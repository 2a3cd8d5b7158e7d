#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
async fn one() -> impl Serialize {}

#[rpc]
async fn two() -> Result<u32, impl Serialize> {
    Err::<_, u32>(5)
}

#[rpc]
async fn three() -> ! {
    loop {}
}

#[rpc]
async fn four() -> Streaming<impl Stream> {
    Streaming::iter([5])
}

#[rpc(item = u32)]
async fn five() -> u32 {
    5
}

fn main() {}
