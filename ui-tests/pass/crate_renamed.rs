#![allow(unused)]
pub extern crate asyncapy as api;

mod inner {
    pub use api as library;
}

#[api::handler(crate = api)]
async fn path(client: api::prelude::Client) {}

#[api::handler(crate = "crate::inner::library", fields(user))]
async fn text(#[field] user: String) {}

#[api::rpc(crate = api)]
async fn sum(a: u32, b: Option<String>) -> Result<u32, api::Code> {
    Ok(a)
}

#[api::service(crate = "crate::inner::library")]
trait Bank {
    async fn balance(&self, id: u32) -> api::rpc::Streaming<impl api::prelude::Stream<Item = u32>>;
}

fn main() {}
