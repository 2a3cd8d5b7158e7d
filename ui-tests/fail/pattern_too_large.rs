#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user = r"(\w{1000}){1000}"))]
async fn login(client: Client) {}

fn main() {}
