#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn many(
    #[field] a: u8, #[field] b: u8, #[field] c: u8, #[field] d: u8, #[field] e: u8, #[field] f: u8,
    #[field] g: u8, #[field] h: u8, #[field] i: u8, #[field] j: u8, #[field] k: u8, #[field] l: u8,
    #[field] m: u8, #[field] n: u8, #[field] o: u8, #[field] p: u8, #[field] q: u8, #[field] r: u8,
) {
}

fn main() {}
