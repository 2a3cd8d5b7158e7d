#![allow(unused)]
use asyncapy::prelude::*;

#[handler(crate = "my crate")]
async fn spaced(client: Client) {}

#[handler(crate = 5)]
async fn number(client: Client) {}

fn main() {}
