#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet)]
struct Login {
    user: String,
    pin: u32,
    note: Option<String>,
}

#[handler(fields(user))]
async fn login(login: Typed<Login>) {}

fn main() {}
