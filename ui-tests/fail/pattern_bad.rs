#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user = r"\w+(", pin = "[z-a]"))]
async fn login(client: Client) {}

fn main() {}
