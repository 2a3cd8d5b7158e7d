#![allow(unused)]
use asyncapy::prelude::*;

#[service(nmae = "x", name = "a", group = "b")]
trait One<T> {
    type Kind;
    const LIMIT: u32;
    async fn a(&mut self);
    async fn b(self);
    async fn c<U>(&self, x: U);
    async fn d(&self, x: &str);
    fn e(&self) -> impl Sized;
    fn f(&self) -> &str;
    fn i(&self) -> Streaming<impl Stream<Item = u32>>;
    #[rpc(gruop = "x", timeout = 0)]
    async fn g(&self);
    #[rpc(idempotent)]
    fn h() -> u32;
}

struct State;

#[service]
impl Default for State {
    fn default() -> Self {
        State
    }
}

#[service]
struct Three;

#[service]
impl State {
    async fn reset(&mut self) {}
}

fn main() {}
