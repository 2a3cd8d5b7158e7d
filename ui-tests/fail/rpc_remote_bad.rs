#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
async fn one(a: u32) -> u32;

#[rpc(remote)]
async fn two(a: u32) -> u32 {
    a
}

#[rpc(remote, private, timeout = "5s", idempotent)]
async fn three(a: u32) -> u32;

fn main() {}
