#![allow(unused)]
use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};

#[derive(Deserialize)]
struct Pin(u32);

#[derive(Debug, Failure)]
struct Wrong;

// They can be served, but not called by their stubs.
#[rpc]
async fn login(pin: Pin) {}

#[rpc]
async fn fails() -> Result<u32, Wrong> {
    Err(Wrong)
}

async fn calls(peer: &Peer) -> Result<(), Status> {
    login::call(peer, Pin(5)).await?;
    fails::call(peer).await;
    Ok(())
}

fn main() {}
