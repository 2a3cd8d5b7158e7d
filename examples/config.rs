//! A server from a configuration file: AsyncAPY's own ini file, log format and all.
//!
//! Any other file: `cargo run --example config -- path/to/server.toml`.

use std::path::PathBuf;

use asyncapy::client;
use asyncapy::prelude::*;
use asyncapy::server::{Settings, logging};

#[handler]
async fn echo(packet: Packet) -> Packet {
    packet
}

#[tokio::main]
async fn main() -> Result<()> {
    let file = std::env::args().nth(1).map(PathBuf::from);
    let file = file.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/server.ini")));
    // Defaults, then the file, then variables such as ASYNCAPY_PORT.
    let settings = Settings::load(Some(&file))?;
    logging::init(&settings.logging)?;

    let (header_size, byte_order) = (settings.header_size.bytes(), settings.byte_order);
    let running = Server::builder().settings(settings).register(echo).build()?.start().await?;
    let address = running.local_addr().expect("a TCP listener").to_string();

    let client =
        client::Client::builder().header_size(header_size).byte_order(byte_order).connect(&address).await?;
    let reply = client.request(&json!({"configured": true})).await?;
    println!("{reply}");
    assert_eq!(reply["configured"], true);

    // A mistake names the file, the line and what is allowed.
    let wrong = std::env::temp_dir().join(format!("asyncapy-{}.ini", std::process::id()));
    std::fs::write(&wrong, "[AsyncAPY]\nprot = 80\nbyteorder = middle\n")?;
    println!("{}", Settings::load(Some(&wrong)).expect_err("two mistakes"));
    std::fs::remove_file(&wrong)?;
    running.shutdown().await?;
    Ok(())
}
