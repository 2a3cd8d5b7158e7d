#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(5, user.name))]
async fn login(client: Client) {}

fn main() {}
