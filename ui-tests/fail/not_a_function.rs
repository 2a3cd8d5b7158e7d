#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
struct Login {
    user: String,
}

#[handler(group = 1)]
impl Login {}

#[handler]
const LIMIT: u32 = 5;

fn main() {}
