#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user = "[a&&b]"))]
async fn login(client: Client) {}

fn main() {}
