#![allow(unused)]
use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};

struct Pin(u32);

#[service]
trait Bank {
    async fn balance(&self, id: u64) -> u64;
    async fn pin(&self, id: Pin) -> Pin;
}

struct Small;

impl Bank for Small {
    async fn balance(&self, id: u32) -> u64 {
        5
    }

    async fn pin(&self, id: Pin) -> Pin {
        id
    }
}

async fn calls(peer: Peer) -> Result<(), Status> {
    BankClient::new(peer).balance("a").await?;
    Ok(())
}

fn main() {
    let _ = Server::builder().service(Small);
}
