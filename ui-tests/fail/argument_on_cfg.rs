#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn login(client: Client, #[cfg(debug_assertions)] packet: Packet) {}

fn main() {}
