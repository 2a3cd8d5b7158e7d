#![allow(unused)]
use asyncapy::prelude::*;

#[handler(timeout = "5")]
async fn unitless(client: Client) {}

#[handler(timeout = "5 parsecs")]
async fn parsecs(client: Client) {}

#[handler(timeout = 0)]
async fn zero(client: Client) {}

#[handler(timeout = 1.5)]
async fn fraction(client: Client) {}

#[handler(timeout = "99999999999999999999s")]
async fn endless(client: Client) {}

fn main() {}
