//! The smallest server: it echoes, as the first example of AsyncAPY's document does.
//!
//! `cargo run --example hello` starts it on a free port, sends it a packet and prints both sides; with an address
//! (`cargo run --example hello -- 127.0.0.1:1500`) it serves until Ctrl-C.

use asyncapy::prelude::*;

#[handler]
async fn echo_server(client: Client, packet: Packet) -> Result<()> {
    println!("Hello world from {client}!");
    println!("Echoing back {packet}...");
    client.send(&packet).await?;
    client.close();
    Ok(())
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let server = Server::builder().register(echo_server).build()?;
    match std::env::args().nth(1) {
        Some(address) => server.serve(&address).await,
        None => Ok(()),
    }
}
