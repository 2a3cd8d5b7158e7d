#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn by_type<T>(state: State<T>) {}

#[handler]
async fn by_constant<const N: usize>(client: Client) {}

#[handler]
async fn by_lifetime<'a>(client: Client) {}

fn main() {}
