#![allow(unused)]
use asyncapy::prelude::*;

struct Broken;

#[handler]
async fn login(client: Client) -> Result<(), Broken> {
    Err(Broken)
}

fn main() {}
