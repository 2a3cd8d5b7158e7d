#![allow(unused)]
use asyncapy::prelude::*;

#[derive(Debug)]
struct Wrong;

#[rpc]
async fn one() -> Result<u32, Wrong> {
    Err(Wrong)
}

#[rpc]
async fn two() -> Result<Streaming<impl Stream<Item = Result<u32, Wrong>>>, Code> {
    Ok(Streaming::iter([Err(Wrong)]))
}

#[rpc]
async fn three() -> Result<u32, Box<dyn std::error::Error>> {
    Err("wrong".into())
}

fn main() {}
