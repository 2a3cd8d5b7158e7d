#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
struct Login;

struct Bank;

impl Bank {
    #[rpc]
    async fn balance(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
