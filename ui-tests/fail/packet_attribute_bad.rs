#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Packet)]
#[packet(crtae = "asyncapy")]
struct Login {
    #[serde(renmae = "name")]
    user: String,
    #[serde(rename = "pin")]
    code: u32,
    pin: u32,
}

fn main() {}
