#![allow(unused)]
use asyncapy::prelude::*;

struct Pin(u32);

#[rpc]
async fn login(user: String, pin: Pin, pins: Vec<Pin>) {}

#[rpc]
async fn extracted(#[extract] pin: Pin) {}

#[rpc]
async fn whole(Typed(pin): Typed<Pin>) {}

fn main() {}
