#![allow(unused)]
use std::rc::Rc;

use asyncapy::prelude::*;

#[rpc]
async fn one(a: u32) -> u32 {
    let shared = Rc::new(a);
    asyncapy::blocking(|| {}).await;
    *shared
}

#[rpc]
async fn two() -> Streaming<impl Stream<Item = u32>> {
    let shared = Rc::new(5);
    Streaming::iter((0..3).map(move |n| n + *shared))
}

#[rpc]
fn three() -> Rc<u32> {
    Rc::new(5)
}

fn main() {}
