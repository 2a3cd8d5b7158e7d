#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn twice(first: Packet, client: Client, second: Option<Packet>) {}

fn main() {}
