#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet)]
struct Login {
    #[serde(rename = "user-name")]
    user: String,
}

#[handler(fields("user_name", ..))]
async fn login(Typed(login): Typed<Login>) {}

fn main() {}
