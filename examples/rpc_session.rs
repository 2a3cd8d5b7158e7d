//! Sessions: calls, streams and channels that share one connection and what the server keeps with it.
//!
//! `cargo run --example rpc_session` runs two servers and a client. Without a session a client is free to send each call
//! to another server; within one all go to the same, and end with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asyncapy::client::RpcClient;
use asyncapy::prelude::*;

/// What the server keeps with a connection, by its type.
#[derive(Default)]
struct Basket(Mutex<Vec<String>>);

impl Basket {
    fn of(session: &Session) -> Arc<Self> {
        session.get_or_insert_with(Self::default)
    }

    fn put(&self, thing: String) -> usize {
        let mut things = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        things.push(thing);
        things.len()
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Puts something in, and tells how much there is.
#[rpc]
async fn put(session: Session, thing: String) -> usize {
    Basket::of(&session).put(thing)
}

/// Puts all in that comes, and tells of each how much there is then.
#[rpc]
async fn fill(session: Session, mut things: Channel<String, usize>) -> Result<(), Status> {
    let basket = Basket::of(&session);
    while let Some(thing) = things.recv().await? {
        things.send(basket.put(thing)).await?;
    }
    Ok(())
}

/// What is in it.
#[rpc]
async fn all(session: Session) -> Streaming<impl Stream<Item = String>> {
    Streaming::iter(Basket::of(&session).all())
}

#[tokio::main]
async fn main() -> asyncapy::Result<()> {
    let mut servers = Vec::new();
    for _ in 0..2 {
        let server = Server::builder().register(put).register(fill).register(all);
        servers.push(server.listen("127.0.0.1:0").build()?.start().await?);
    }
    let addresses = servers.iter().map(|server| server.local_addr().expect("a TCP listener").to_string());
    let client = RpcClient::connect(addresses).await?;

    // Explicit: the session is a value, and calls like a client.
    let session = client.session().await?;
    for count in 1..=3 {
        assert_eq!(put::call(&session, "apple".to_owned()).await?, count);
    }
    // Implicit: every call, stream and channel of the client inside goes through it.
    let things = session.scope(async {
        let mut channel = fill::call(&client).await?;
        channel.send("pear".to_owned()).await?;
        assert_eq!(channel.recv().await?, Some(4));
        channel.finish();
        let mut items = all::call(&client).await?;
        let mut things = Vec::new();
        while let Some(thing) = items.next().await {
            things.push(thing?);
        }
        Ok::<_, Status>(things)
    });
    let things = things.await?;
    assert_eq!(things, ["apple", "apple", "apple", "pear"]);
    // Another session is another basket.
    let other = client.session().await?;
    assert_eq!(put::call(&other, "plum".to_owned()).await?, 1);
    println!("{} things in one basket, 1 in the other", things.len());

    // A session ends with its server; what it held is lost, so that nothing is made elsewhere unasked.
    let at = servers.iter().position(|server| {
        server.local_addr().is_some_and(|address| session.server().ends_with(&address.to_string()))
    });
    servers.remove(at.expect("it is at one of them")).shutdown().await?;
    let lost = put::call(&session, "fig".to_owned()).await.expect_err("the server is gone");
    println!("{lost}");
    assert!(lost.is_transient());
    let session = client.session().await?;
    put::call(&session, "fig".to_owned()).await?;

    client.stop(Duration::from_secs(1)).await;
    for server in servers {
        server.shutdown().await?;
    }
    Ok(())
}
