#![allow(unused)]
use std::cell::RefCell;

use asyncapy::prelude::*;

#[service]
trait Bank {
    async fn balance(&self, id: u64) -> u64;
    async fn all(&self) -> Streaming<impl Stream<Item = u64>>;
}

struct Shared(RefCell<u64>);

// It cannot be shared.
impl Bank for Shared {
    async fn balance(&self, id: u64) -> u64 {
        id
    }

    async fn all(&self) -> Streaming<impl Stream<Item = u64>> {
        Streaming::iter([1])
    }
}

struct Other;

// A method is not async, another gives other items.
impl Bank for Other {
    fn balance(&self, id: u64) -> u64 {
        id
    }

    async fn all(&self) -> Streaming<impl Stream<Item = u32>> {
        Streaming::iter([1u32])
    }
}

struct Less;

impl Bank for Less {
    async fn balance(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
