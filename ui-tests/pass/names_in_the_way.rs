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

struct Err;
struct Call;
struct Named;
struct Status;
struct String;
const item: u8 = 4;
const value: u8 = 5;
const error: u8 = 6;
const output: u8 = 7;

trait SplitResult {
    fn split(&mut self) {}
}

#[::asyncapy::rpc(private, timeout = 5)]
async fn call(
    caller: u8,
    #[default] service: u8,
    _client: ::asyncapy::prelude::Client,
) -> ::core::result::Result<u8, ::asyncapy::Code> {
    ::core::result::Result::Ok(caller)
}

#[::asyncapy::rpc]
async fn function() -> ::asyncapy::rpc::Streaming<impl ::asyncapy::prelude::Stream<Item = u8>> {
    ::asyncapy::rpc::Streaming::iter([1])
}

#[::asyncapy::rpc]
fn returned(#[argument("Argument")] argument: u8, channel: ::asyncapy::rpc::Channel<u8>) {}

#[::asyncapy::service]
trait Bank {
    async fn caller(&self, caller: u8, service: u8) -> u8;
    async fn items(&self) -> ::asyncapy::rpc::Streaming<impl ::asyncapy::prelude::Stream<Item = u8>>;
}

struct Counter;

#[::asyncapy::service]
impl Counter {
    async fn call(&self, methods: u8) -> u8 {
        methods
    }
}

fn main() {}
