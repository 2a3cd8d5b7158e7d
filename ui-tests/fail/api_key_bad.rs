#![allow(unused)]
use asyncapy::prelude::*;

#[handler(api_key())]
async fn fieldless(client: Client) {}

#[handler(api_key(feild = "key"))]
async fn unknown(client: Client) {}

#[handler(api_key(field = "key", field = "other"))]
async fn twice(client: Client) {}

#[handler(api_key = "key")]
async fn value(client: Client) {}

fn main() {}
