#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet)]
struct Login {
    user: String,
    pin: u32,
    ratio: f32,
    ready: bool,
}

#[handler(fields(user = "[a-z]+", pin = "[a-z]+", ratio = "x", ready = r"\d"))]
async fn login(Typed(login): Typed<Login>) {}

fn main() {}
