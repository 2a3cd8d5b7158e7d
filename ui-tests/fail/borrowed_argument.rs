#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn reference(packet: &Packet) {}

#[handler]
async fn text(#[field] user: &str) {}

#[handler]
async fn within(state: State<&mut u8>) {}

#[handler]
async fn elided(state: State<std::borrow::Cow<'_, str>>) {}

fn main() {}
