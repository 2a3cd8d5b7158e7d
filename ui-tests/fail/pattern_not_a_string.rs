#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(pin = 5, ready = true, user = Regex::new("a")))]
async fn login(client: Client) {}

fn main() {}
