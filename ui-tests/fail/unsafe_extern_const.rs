#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async unsafe fn careless(client: Client) {}

#[handler]
extern "C" fn foreign(client: Client) {}

#[handler]
const fn constant() {}

fn main() {}
