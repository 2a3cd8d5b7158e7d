#![allow(unused)]
use std::sync::Arc;

use asyncapy::prelude::*;

struct State;

#[service]
impl State {
    async fn one(&mut self) {}
    async fn two(self) {}
    async fn three(self: Arc<Self>) {}
    async fn four(self: &Self) {}
    #[rpc]
    async fn five(id: u32) {}
}

fn main() {}
