#![allow(unused)]
use asyncapy::prelude::*;

#[rpc]
async fn generic<T>(a: T) {}

#[rpc]
unsafe fn dangerous() {}

#[rpc]
extern "C" fn foreign() {}

#[rpc]
const fn constant() {}

#[rpc]
async fn borrows(a: &str, b: Vec<&str>, c: impl Sized) {}

fn main() {}
