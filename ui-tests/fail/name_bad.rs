#![allow(unused)]
use asyncapy::prelude::*;

#[handler(name = "")]
async fn empty(client: Client) {}

#[handler(name = "log in")]
async fn space(client: Client) {}

#[handler(name = login)]
async fn unquoted(client: Client) {}

fn main() {}
