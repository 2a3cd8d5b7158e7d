#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

struct State;

#[service]
impl State {
    async fn get(&self) {}
}

struct Plain;

fn main() {
    let server = Server::builder();
    let server = server.register(sum(1, 2));
    let server = server.register(State);
    let server = server.service(Plain);
    let server = server.service(sum);
}
