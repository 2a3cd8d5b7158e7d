#![allow(unused)]
pub extern crate asyncapy as api;

mod inner {
    pub use api as library;
}

#[api::handler(crate = api)]
async fn path(client: api::prelude::Client) {}

#[api::handler(crate = "crate::inner::library", fields(user))]
async fn text(#[field] user: String) {}

fn main() {}
