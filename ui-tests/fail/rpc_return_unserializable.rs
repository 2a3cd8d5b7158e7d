#![allow(unused)]
use asyncapy::prelude::*;

struct Pin(u32);

#[rpc]
async fn one() -> Pin {
    Pin(1)
}

#[rpc]
async fn two() -> Result<Pin, Code> {
    Ok(Pin(1))
}

#[rpc]
async fn three() -> Streaming<impl Stream<Item = Pin>> {
    Streaming::iter([Pin(1)])
}

#[rpc]
fn four() -> Vec<Pin> {
    vec![Pin(1)]
}

fn main() {}
