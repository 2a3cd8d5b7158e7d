#![allow(unused)]
use asyncapy::prelude::*;

#[handler(ip = ["127.0.0.1", "::1", "127.0.0.1"])]
async fn twice(client: Client) {}

fn main() {}
