#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn any(packet: impl Clone) {}

#[handler]
async fn within(state: State<Box<impl Clone>>) {}

fn main() {}
