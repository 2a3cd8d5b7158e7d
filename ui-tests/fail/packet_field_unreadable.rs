#![allow(unused)]
use asyncapy::prelude::*;

struct Pin(u32);

#[derive(Packet)]
struct Login {
    user: String,
    pin: Pin,
}

fn main() {}
