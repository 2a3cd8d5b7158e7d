#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user = "a", pin, "user"))]
async fn login(client: Client) {}

fn main() {}
