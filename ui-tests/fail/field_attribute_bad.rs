#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn unknown(#[field(nmae = "user")] a: String, #[field(required)] b: String) {}

#[handler]
async fn twice(#[field] #[field] a: String, #[field("b", name = "c")] b: String, #[field(default, default = 5)] c: u8) {}

#[handler]
async fn value(#[field = "user"] user: String) {}

fn main() {}
