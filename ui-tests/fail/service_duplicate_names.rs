#![allow(unused)]
use asyncapy::prelude::*;

#[service]
trait Bank {
    async fn balance(&self, id: u64) -> u64;
    #[rpc(name = "balance")]
    async fn all(&self) -> u64;
}

struct Counter;

#[service]
impl Counter {
    #[rpc(name = "get")]
    async fn add(&self) {}
    async fn get(&self) {}
}

fn main() {}
