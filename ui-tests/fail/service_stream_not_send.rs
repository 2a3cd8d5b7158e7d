#![allow(unused)]
use std::rc::Rc;

use asyncapy::prelude::*;

struct Count;

#[service]
impl Count {
    async fn get(&self) -> Streaming<impl Stream<Item = u32>> {
        let shared = Rc::new(5);
        Streaming::iter((0..3).map(move |n| n + *shared))
    }
}

struct Shared;

#[service]
impl Shared {
    async fn get(&self) -> Streaming<impl Stream<Item = Rc<u32>>> {
        Streaming::iter([Rc::new(5)])
    }
}

fn main() {}
