#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields("", "" = "a"))]
async fn filtered(client: Client) {}

#[handler]
async fn taken(#[field("")] user: String) {}

#[handler(api_key(field = ""))]
async fn keyed(client: Client) {}

fn main() {}
