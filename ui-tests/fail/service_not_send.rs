#![allow(unused)]
use std::cell::Cell;
use std::rc::Rc;

use asyncapy::prelude::*;

#[service]
trait Bank {
    async fn balance(&self, id: u64) -> u64;
}

struct Small;

impl Bank for Small {
    async fn balance(&self, id: u64) -> u64 {
        let shared = Rc::new(id);
        asyncapy::blocking(|| {}).await;
        *shared
    }
}

struct Counter(Cell<u64>);

#[service]
impl Counter {
    async fn get(&self) -> u64 {
        self.0.get()
    }
}

struct Other;

#[service]
impl Other {
    async fn get(&self) -> u64 {
        let shared = Rc::new(5);
        asyncapy::blocking(|| {}).await;
        *shared
    }
}

fn main() {}
