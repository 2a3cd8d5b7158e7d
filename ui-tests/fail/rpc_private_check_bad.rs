#![allow(unused)]
use asyncapy::prelude::*;

fn no_arguments() -> bool {
    true
}

fn owns(client: Client) -> bool {
    true
}

async fn waits(client: &Client) -> bool {
    true
}

#[rpc(private(no_arguments))]
async fn one() {}

#[rpc(private(owns))]
async fn two() {}

#[rpc(private(waits))]
async fn three() {}

#[rpc(private(|client| true))]
async fn four() {}

#[rpc(private("localhost", "identity"))]
async fn five() {}

#[rpc(private = true)]
async fn six() {}

fn main() {}
