#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, unused_qualifications)]
//! Nothing that the macro writes is found fault with.

use asyncapy::prelude::*;

#[handler(fields(user = "a", ..), timeout = 5)]
async fn login(_client: Client, #[field] user: String) {
    drop(user);
}

#[handler]
fn blocking(_packet: Packet) {}

fn main() {}
