#![allow(unused)]
use asyncapy::prelude::*;

#[handler(ip = "localhost")]
async fn name(client: Client) {}

#[handler(ip = ["127.0.0.1", "300.0.0.1", "::g"])]
async fn numbers(client: Client) {}

#[handler(ip = 127)]
async fn number(client: Client) {}

fn main() {}
