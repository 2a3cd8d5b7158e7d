#![allow(unused)]
use asyncapy::prelude::*;

#[handler(fields(user))]
async fn login(#[field] user: String, #[field] pin: u32, #[field] note: Option<String>, #[field(default)] tries: u8) {}

fn main() {}
