#![allow(unused)]
use asyncapy::prelude::*;

#[handler(group, fields, name =, ip)]
async fn nothing(client: Client) {}

#[handler("login")]
async fn unnamed(client: Client) {}

fn main() {}
