#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user, .., pin))]
async fn login(client: Client) {}

fn main() {}
