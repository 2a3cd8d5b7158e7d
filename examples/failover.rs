//! A client of three servers, of which one is stopped while it calls: nothing is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use asyncapy::client::{Backoff, Balance, RpcClient};
use asyncapy::prelude::*;
use asyncapy::server::Running;

/// What each server is called.
#[derive(Clone)]
struct Name(&'static str);

/// `idempotent` says that it may run twice without harm: a client makes the call again when a server is lost.
#[rpc(group = "math", idempotent)]
async fn square(State(name): State<Name>, number: u64) -> (u64, String) {
    (number * number, name.0.to_owned())
}

async fn serve(name: &'static str) -> Result<Running> {
    Server::builder().listen("127.0.0.1:0").register(square).state(Name(name)).build()?.start().await
}

/// Calls a hundred times and counts who has answered.
async fn call(client: &RpcClient) -> Result<BTreeMap<String, u32>> {
    let mut answers = BTreeMap::new();
    for number in 0..100 {
        let (result, name) = square::call(client, number).await?;
        assert_eq!(result, number * number);
        *answers.entry(name).or_default() += 1;
    }
    Ok(answers)
}

#[tokio::main]
async fn main() -> Result<()> {
    let (a, b, c) = (serve("a").await?, serve("b").await?, serve("c").await?);
    let place = |server: &Running| server.handle().endpoints()[0].to_string();

    let client = RpcClient::builder()
        .server(format!("{} 2", place(&a))) // twice the calls of the others
        .servers([place(&b), place(&c)])
        .balance(Balance::RoundRobin)
        .backoff(Backoff::default().base(Duration::from_millis(20)))
        .timeout(Duration::from_secs(5))
        .connect()
        .await?;

    println!("all three:  {:?}", call(&client).await?);
    c.shutdown().await?;
    println!("without c:  {:?}", call(&client).await?);
    for server in client.servers() {
        println!("{}: {} connections, {:?}", server.address, server.connections, server.problem);
    }

    // All calls inside the scope go to one server, by a connection of their own.
    let session = client.session().await?;
    let answers = session.scope(call(&client)).await?;
    println!("a session:  {answers:?}");
    assert_eq!(answers.len(), 1);
    drop(session);

    let report = client.stop(Duration::from_secs(1)).await;
    println!("{report:?}");
    Ok(())
}
