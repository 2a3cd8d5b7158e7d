#![allow(unused)]
use std::sync::LazyLock;

use asyncapy::handler::filter::{Fields, Filter, Ip};
use asyncapy::prelude::*;
use asyncapy::security::ApiKeys;

mod security {
    use super::*;
    pub static KEYS: LazyLock<ApiKeys> = LazyLock::new(ApiKeys::in_memory);
    pub static ALLOWED: LazyLock<Ip> = LazyLock::new(|| Ip::new(["127.0.0.1"]).expect("an address"));
}

#[handler(
    group = -1,
    order = 2,
    fields(user = r"\w+", pin, "odd-name" = "x", r#type, ..),
    ip = ["127.0.0.1", "10.0.0.0/8", "::1"],
    api_key(field = "key", keys = security::KEYS),
    filter = security::ALLOWED,
    timeout = "500ms",
    name = "users.login",
    crate = asyncapy,
)]
async fn login(client: Client) {}

const EARLY: i32 = -5;

#[handler(group = EARLY, ip = "::1", api_key(field = "key"), filter = Fields::new().present("user").or(few), timeout = 5, crate = "::asyncapy")]
async fn logout(client: Client) {}

#[handler(filter = few)]
async fn nothing() {}

#[handler()]
async fn everything() {}

fn few(client: &Client, packet: &Packet) -> bool {
    let _ = client;
    packet.len() < 3
}

fn main() {}
