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
fn future() -> Stop {
    Stop
}

fn main() {}
