//! Groups: several handlers for one packet, and how one of them keeps it from the others.

use asyncapy::prelude::*;

#[handler]
async fn echo_server(client: Client, packet: Packet) -> Result<()> {
    println!("group 0: echoing back {packet}...");
    client.send(&packet).await
}

/// Lower groups come first.
#[handler(group = -1)]
async fn echo_server_2(client: Client, packet: Packet) -> Result<()> {
    println!("group -1: hello world from {client} inside a group!");
    client.send(&packet).await?;
    if packet.contains("stop") {
        packet.stop_propagation();
    }
    Ok(())
}

/// The last one closes the connection, if the packet says so.
#[handler(group = 1, fields(bye, ..))]
async fn bye() -> (serde_json::Value, Close) {
    println!("group 1: bye");
    (json!({"bye": true}), Close)
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(echo_server).register(echo_server_2).register(bye).build()?;
    let client = server.test_client().await?;

    client.send(&json!({"n": 1})).await?;
    client.send(&json!({"n": 2, "stop": true})).await?;
    client.send(&json!({"n": 3, "bye": true})).await?;
    let mut seen = Vec::new();
    while let Ok(reply) = client.receive().await {
        println!("client: {reply}");
        seen.push(reply.get("n").and_then(|n| n.as_u64()).unwrap_or(0));
    }
    assert_eq!(seen, [1, 1, 2, 3, 3, 0]);
    Ok(())
}
