#![allow(unused)]
use asyncapy::prelude::*;

struct Pin(u32);

#[handler]
async fn login(#[field] user: String, #[field] pin: Pin) {}

fn main() {}
