#![allow(unused)]
use asyncapy::prelude::*;

#[handler(group = "1")]
async fn text(client: Client) {}

#[handler(group = 1.5)]
async fn fraction(client: Client) {}

#[handler(group = FIRST)]
async fn constant(client: Client) {}

const FIRST: &str = "first";

fn main() {}
