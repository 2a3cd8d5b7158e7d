//! An echo server and a client that exchange typed packets: the first example of AsyncAPY's document, whole.
//!
//! `cargo run --example hello` runs both. With an address, `cargo run --example hello -- 127.0.0.1:1500`, the server
//! alone serves there until Ctrl-C.

use asyncapy::client;
use asyncapy::prelude::*;

/// What goes to the server and comes back.
#[derive(Packet, Debug, PartialEq)]
struct Greeting {
    test: u32,
    text: String,
}

#[handler]
async fn echo_server(client: Client, packet: Packet) -> Result<()> {
    println!("server: hello world from {client}!");
    println!("server: echoing back {packet}...");
    client.send(&packet).await?;
    client.close();
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(echo_server);
    if let Some(address) = std::env::args().nth(1) {
        return server.build()?.serve(&address).await;
    }

    let running = server.listen("127.0.0.1:0").build()?.start().await?;
    let address = running.local_addr().expect("a TCP listener").to_string();
    println!("server: listening on {address}");

    for encoding in [Encoding::Json, Encoding::ZiProto] {
        let client = client::Client::builder().encoding(encoding).connect(&address).await?;
        let greeting = Greeting { test: 1, text: "hello".to_owned() };
        println!("client: sending {greeting:?} in {encoding}");
        let answer: Greeting = client.request_typed(&greeting).await?;
        println!("client: received {answer:?}");
        assert_eq!(answer, greeting);
    }

    let report = running.shutdown().await?;
    println!("server: stopped, {} connections cut", report.cut);
    Ok(())
}
