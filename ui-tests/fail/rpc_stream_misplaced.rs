#![allow(unused)]
use asyncapy::prelude::*;

struct Entry(u32);

// The item stands where its stream belongs.
#[rpc]
async fn one() -> Streaming<u32> {
    loop {}
}

#[rpc]
async fn two() -> Result<Streaming<Result<String, Code>>, Code> {
    loop {}
}

#[rpc]
async fn three() -> Streaming<Entry> {
    loop {}
}

// The stream stands alone, or in something else.
#[rpc(remote)]
async fn four() -> impl Stream<Item = u32>;

#[rpc]
async fn five() -> Option<Streaming<Box<dyn Stream<Item = u32>>>> {
    None
}

#[rpc(remote)]
async fn six() -> Vec<Streaming<impl Stream<Item = u32>>>;

// A future is no result.
#[rpc]
fn seven() -> impl Future<Output = u32> + Send {
    async { 7 }
}

fn main() {}
