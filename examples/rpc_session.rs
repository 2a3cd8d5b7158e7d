//! Sessions: calls, streams and channels that share one connection and what the server keeps with it.
//!
//! `cargo run --example rpc_session` runs two servers and a client. Without a session a client is free to send each call
//! to another server; within one all go to the same.

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;

/// What the server keeps with a connection.
struct Basket(std::sync::Mutex<Vec<String>>);

/// Puts something in, and tells how much there is.
#[rpc]
async fn put(session: Session, thing: String) -> usize {
    let basket = session.get_or_insert_with(|| Basket(std::sync::Mutex::default()));
    let mut things = basket.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    things.push(thing);
    things.len()
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(Server::builder().register(put).listen("127.0.0.1:0").build()?.start().await?);
    }
    let addresses = servers.iter().map(|server| server.local_addr().expect("a TCP listener").to_string());
    let client = RpcClient::connect(addresses).await?;

    // Explicit: the session is a value, and calls like a client.
    let session = client.session().await?;
    for count in 1..=3 {
        assert_eq!(put::call(&session, "apple".to_owned()).await?, count);
    }
    // Implicit: every call of the client inside goes through it.
    let count = session.scope(async { put::call(&client, "pear".to_owned()).await }).await?;
    assert_eq!(count, 4);
    // Another session is another basket.
    let other = client.session().await?;
    assert_eq!(put::call(&other, "plum".to_owned()).await?, 1);
    println!("{count} things in one basket, 1 in the other");

    for server in servers {
        server.shutdown().await?;
    }
    Ok(())
}
