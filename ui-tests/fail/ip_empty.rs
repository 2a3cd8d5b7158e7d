#![allow(unused)]
use asyncapy::prelude::*;

#[handler(ip = [])]
async fn nobody(client: Client) {}

fn main() {}
