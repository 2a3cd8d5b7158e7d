#![allow(unused)]
use asyncapy::prelude::*;

// What was meant is near.
#[rpc]
async fn one(#[field] user: String, #[field("odd")] pin: u32) {}

#[rpc]
async fn two(#[defualt = 3] limit: u32, #[argumnet("odd")] name: String, #[extrct] client: Client) {}

#[rpc(idempotent = true)]
async fn three() {}

#[rpc(remote(true))]
async fn four();

#[rpc("sum")]
async fn five() {}

struct State;

#[service("state")]
impl State {
    #[rpc(skip = true)]
    async fn six(&self) {}
}

fn main() {}
