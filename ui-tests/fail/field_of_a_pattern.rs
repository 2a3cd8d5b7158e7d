#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn pair(#[field] (x, y): (i32, i32)) {}

fn main() {}
