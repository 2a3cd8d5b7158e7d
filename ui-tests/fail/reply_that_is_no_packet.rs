#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Serialize)]
struct Welcome {
    visits: u32,
}

#[handler]
async fn welcome(client: Client) -> Option<Welcome> {
    None
}

#[handler]
async fn number(client: Client) -> u32 {
    5
}

fn main() {}
