#![allow(unused)]
use asyncapy::prelude::*;

#[handler(ip = ["10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0/8"])]
async fn prefix(client: Client) {}

fn main() {}
