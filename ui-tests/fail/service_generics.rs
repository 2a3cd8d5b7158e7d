#![allow(unused)]
use asyncapy::prelude::*;

struct State;

#[service]
impl State {
    async fn one<T: Serialize>(&self, value: T) {}
    async fn two<'a>(&'a self, text: std::borrow::Cow<'a, str>) {}
    async fn three(&self, value: impl Serialize) {}
}

#[service]
trait Bank<'a> {
    fn four(&self) -> impl Future<Output = u32> + Send;
    async fn five(&self) -> impl Stream<Item = u32>;
    async fn six(&self, channel: Channel<u32>) -> Streaming<impl Stream<Item = u32>>;
    async fn seven(&self, one: Channel<u32>, other: Channel<u32>);
}

fn main() {}
