#![allow(unused)]
use asyncapy::prelude::*;

struct Pin(u32);

#[rpc(naem = "a", timeout = "soon", private("nowhere"))]
async fn one(#[default] #[extract] a: &str, pin: Pin) -> impl Sized {}

#[rpc(gruop = "b")]
async fn two(pin: Pin) -> Pin {
    pin
}

fn main() {}
