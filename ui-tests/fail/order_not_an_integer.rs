#![allow(unused)]
use asyncapy::prelude::*;

#[handler(order = "first")]
async fn text(client: Client) {}

#[handler(order = true)]
async fn boolean(client: Client) {}

fn main() {}
