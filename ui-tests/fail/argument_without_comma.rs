#![allow(unused)]
use asyncapy::prelude::*;

#[handler(group = 1 order = 2, name = "kept")]
async fn together(client: Client) {}

fn main() {}
