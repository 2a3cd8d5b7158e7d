//! Filters: by the attribute, as values, changed while the server runs, and of your own.

use asyncapy::handler::filter::{Fields, Filter, Ip};
use asyncapy::prelude::*;

/// Any digits in `foo` and anything in `bar`, from two addresses: the example of AsyncAPY's document.
#[handler(fields(foo = r"\d+", bar), ip = ["127.0.0.1", "151.53.88.15"])]
async fn filtered(client: Client, packet: Packet) -> serde_json::Value {
    println!("Look at this! {client} sent me {packet}!");
    json!({"handler": "filtered"})
}

/// A filter can be a function.
fn is_long(_: &Client, packet: &Packet) -> bool {
    packet.len() > 2
}

#[handler(filter = is_long)]
async fn long() -> serde_json::Value {
    json!({"handler": "long"})
}

/// Its filters are given where it is registered.
#[handler]
async fn staff() -> serde_json::Value {
    json!({"handler": "staff"})
}

#[tokio::main]
async fn main() -> Result<()> {
    let allowed = Ip::new(["10.0.0.0/8"])?;
    let running = Server::builder()
        .register(filtered)
        .register(long)
        .register(staff)
        .filter(Fields::new().matching("staff", "door|desk").and(allowed.clone()))
        .build()?
        .start_in_memory()
        .await?;
    let client = running.handle().client()?;

    for (packet, expected) in [
        (json!({"foo": 12355, "bar": "anything"}), json!({"handler": "filtered"})),
        (json!({"foo": "x", "bar": "anything"}), json!("ERR_NO_HANDLER")),
        (json!({"foo": 1, "bar": 2, "more": 3}), json!({"handler": "long"})),
        (json!({"staff": "door"}), json!("ERR_NO_HANDLER")),
    ] {
        client.send(&packet).await?;
        let reply = client.receive().await?;
        println!("{packet} -> {reply}");
        assert_eq!(
            reply.get("error").map_or(reply["handler"].clone(), |_| reply["error"].clone()),
            match expected {
                serde_json::Value::Object(map) => map["handler"].clone(),
                code => code,
            }
        );
    }

    // The filter was assigned to a variable, so that it can be changed.
    allowed.allow("127.0.0.1")?;
    let reply = client.request(&json!({"staff": "door"})).await?;
    println!("after allowing 127.0.0.1: {reply}");
    assert_eq!(reply["handler"], "staff");
    Ok(())
}
