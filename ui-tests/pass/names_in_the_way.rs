#![allow(unused)]
#![no_implicit_prelude]
#![allow(non_upper_case_globals)]

mod core {}
mod std {}
mod asyncapy {}

const request: u8 = 1;
const needs: u8 = 2;
static argument_0: u8 = 3;

struct Option;
struct Result;
struct Ok;
struct Vec;

trait Extract {
    fn extract(&self) {}
}

#[::asyncapy::handler(fields(user = "a"), timeout = 5, ip = "::1")]
async fn handler(client: ::asyncapy::prelude::Client, #[field] user: ::std::string::String) {}

#[::asyncapy::handler]
fn build(packet: ::asyncapy::prelude::Packet) {}

fn main() {}
