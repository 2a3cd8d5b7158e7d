#![allow(unused)]
use asyncapy::prelude::*;

#[handler(gruop = 1)]
async fn near(client: Client) {}

#[handler(retries = 3)]
async fn far(client: Client) {}

fn main() {}
