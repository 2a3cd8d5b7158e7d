#![allow(unused)]
use asyncapy::prelude::*;

type Numbers = Streaming<Box<dyn Stream<Item = u32> + Send + Unpin>>;

// What goes each way is told by the signature's own words.
#[rpc]
async fn count() -> Numbers {
    todo!()
}

fn main() {}
