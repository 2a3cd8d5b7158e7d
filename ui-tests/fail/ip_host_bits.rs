#![allow(unused)]
use asyncapy::prelude::*;

#[handler(ip = ["10.0.0.1/8", "fd00::1/8"])]
async fn host(client: Client) {}

fn main() {}
