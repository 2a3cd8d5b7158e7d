#![allow(unused)]
use asyncapy::prelude::*;

struct Server;

impl Server {
    #[handler]
    async fn borrowed(&self, client: Client) {}

    #[handler]
    async fn owned(self, client: Client) {}
}

fn main() {}
