#![allow(unused)]
use asyncapy::prelude::*;

#[handler]
async fn nothing() {}

#[handler]
async fn packet(packet: Packet) -> Packet {
    packet
}

#[handler]
async fn option(packet: Packet) -> Option<Packet> {
    Some(packet)
}

#[handler]
async fn result(packet: Packet) -> Result<Packet, asyncapy::Code> {
    Ok(packet)
}

#[handler]
async fn welcome() -> Welcome {
    Welcome { visits: 1 }
}

#[derive(Packet)]
struct Welcome {
    visits: u32,
}

#[derive(Failure)]
enum LoginError {
    #[failure(code = "ERR_BAD_PIN")]
    BadPin,
}

#[handler]
async fn either(#[field] pin: u32) -> Result<(Welcome, Stop), LoginError> {
    if pin == 0 { Err(LoginError::BadPin) } else { Ok((Welcome { visits: 1 }, Stop)) }
}

#[handler]
fn map() -> serde_json::Value {
    json!({"status": "ok"})
}

#[handler]
async fn opaque(packet: Packet) -> impl asyncapy::handler::IntoReply {
    Some((packet, Close))
}

fn main() {}
