#![allow(unused)]
use asyncapy::prelude::*;

#[handler(group = 1, name = "a", group = 2)]
async fn twice(client: Client) {}

fn main() {}
