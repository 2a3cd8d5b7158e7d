#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
async fn one(#[argument("")] a: u32, #[argument(nmae = "b")] b: u32, #[default] #[default] c: u32) {}

#[rpc]
async fn two(#[default = "x"] a: u32, #[default] client: Client, #[extract] #[argument] b: Client) {}

#[rpc]
async fn three((a, b): (u32, u32), _: u32, #[cfg(unix)] c: u32) {}

#[rpc]
async fn four(a: u32, #[argument("a")] b: u32) {}

#[rpc]
async fn five(Typed(a): Typed<String>, b: u32) {}

#[rpc]
async fn six(#[default] at: std::time::Instant) {}

fn main() {}
