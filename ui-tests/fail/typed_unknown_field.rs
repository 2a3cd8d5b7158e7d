#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet)]
struct Login {
    user: String,
    pin: u32,
}

#[handler(fields(usr = r"\w+", pin, ..))]
async fn login(Typed(login): Typed<Login>) {}

fn main() {}
