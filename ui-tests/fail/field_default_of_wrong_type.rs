#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn login(#[field(default = "none")] pin: u32) {}

fn main() {}
