#![allow(unused)]
use asyncapy::prelude::*;

static ALLOWED: &str = "127.0.0.1";

#[handler(filter = ALLOWED)]
async fn constant(client: Client) {}

#[handler(filter = 5 + 5)]
async fn value(client: Client) {}

#[handler(filter = NOWHERE)]
async fn missing(client: Client) {}

fn main() {}
