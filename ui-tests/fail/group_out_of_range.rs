#![allow(unused)]
use asyncapy::prelude::*;

#[handler(group = 2147483648)]
async fn above(client: Client) {}

#[handler(group = -2147483649)]
async fn below(client: Client) {}

#[handler(order = 99999999999999999999)]
async fn order(client: Client) {}

fn main() {}
