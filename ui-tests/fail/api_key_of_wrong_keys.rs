#![allow(unused)]
use asyncapy::prelude::*;

static KEYS: &[&str] = &["secret"];

#[handler(api_key(field = "key", keys = KEYS))]
async fn keyed(client: Client) {}

fn main() {}
