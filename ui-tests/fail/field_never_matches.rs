#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(pin = "[a-z]+", ready = "yes|no"))]
async fn login(#[field] pin: u32, #[field] ready: bool) {}

fn main() {}
