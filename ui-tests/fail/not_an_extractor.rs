#![allow(unused)]
use asyncapy::prelude::*;

struct Database;

#[handler]
async fn query(client: Client, database: Database, count: Option<u32>) {}

fn main() {}
