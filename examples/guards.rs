//! Who may connect, and what runs around it: connection guards, bans, a rate limit, the server's life.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::Error;
use asyncapy::client;
use asyncapy::prelude::*;
use asyncapy::security::Rate;
use asyncapy::server::guard::{self, AddressList, ConnectionLimit, ConnectionRate, Guard, Incoming, Refusal};
use asyncapy::server::{Ended, Handle};

#[handler(fields(ping))]
async fn ping(#[field] ping: u64) -> serde_json::Value {
    json!({"pong": ping})
}

/// A guard of one's own: closed until it is opened.
#[derive(Default)]
struct Door(AtomicUsize);

impl Guard for Door {
    async fn admit(&self, _: &Incoming) -> Result<(), Refusal> {
        match self.0.load(Ordering::Relaxed) {
            0 => Err(Refusal::new(Code::custom("ERR_CLOSED")).message("we open at nine")),
            _ => Ok(()),
        }
    }
}

/// What somebody who connects now is told: nothing if he is served.
async fn knock(address: &str) -> Result<Option<Code>> {
    let client = client::Client::connect(address).await?;
    match client.request(json!({"ping": 1})).await {
        Ok(reply) => {
            assert_eq!(reply["pong"], 1);
            client.disconnect().await?;
            Ok(None)
        }
        Err(Error::Refused { code, message, .. }) => {
            println!("refused: {code} {}", message.unwrap_or_default());
            Ok(Some(code))
        }
        // A banned client reads nothing at all.
        Err(error) if error.is_disconnect() => Ok(Some(Code::custom("nothing"))),
        Err(error) => Err(error),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let door = Arc::new(Door::default());
    let addresses = AddressList::default();
    let sessions = Arc::new(AtomicUsize::new(0));
    let (begun, ended) = (sessions.clone(), sessions.clone());

    let server = Server::builder()
        .register(ping)
        .listen("127.0.0.1:0")
        .connection_guard(addresses.clone())
        .connection_guard(door.clone())
        .connection_guard(ConnectionLimit::new(100).pausing(Duration::from_secs(60)))
        .connection_guard(guard::from_fn(async |incoming: Incoming| {
            println!("{} knocks, connection {}", incoming.address(), incoming.connections());
            Ok(())
        }))
        .connection_guard(
            ConnectionRate::new(Rate::new(2, Duration::from_secs(60))?).ban_for(Duration::from_secs(600)),
        )
        .before_start(async |_: Handle| {
            println!("before the start: nothing is bound");
            Ok(())
        })
        .after_start(async |handle: Handle| {
            println!("after the start: serving at {}", handle.endpoints()[0]);
            Ok(())
        })
        .on_connect(move |session: Session| {
            begun.fetch_add(1, Ordering::Relaxed);
            println!("session {} begins", session.id());
            async { Ok(()) }
        })
        .on_disconnect(move |session: Session, why: Ended| {
            ended.fetch_sub(1, Ordering::Relaxed);
            println!("session {} ends: {why}", session.id());
            async {}
        })
        .after_stop(async |_: Handle| Err(Error::Config("nobody to say goodbye to".to_owned())));
    let running = server.build()?.start().await?;
    let handle = running.handle();
    let address = running.local_addr().expect("a TCP listener").to_string();

    assert_eq!(knock(&address).await?, Some(Code::custom("ERR_CLOSED")));
    door.0.store(1, Ordering::Relaxed);
    addresses.block("127.0.0.0/8")?;
    assert_eq!(knock(&address).await?, Some(Code::Unauthorized));
    addresses.unblock("127.0.0.0/8")?;

    // Two a minute, and then a ban.
    assert_eq!(knock(&address).await?, None);
    assert_eq!(knock(&address).await?, None);
    assert_eq!(knock(&address).await?, Some(Code::TooManyConnections));
    assert_eq!(knock(&address).await?, Some(Code::custom("nothing")));
    for ban in handle.bans() {
        println!("{} is banned for {:.0?}", ban.host, ban.left);
        assert!(handle.unban(ban.host));
    }

    let report = running.shutdown().await?;
    assert_eq!(sessions.load(Ordering::Relaxed), 0);
    assert_eq!(report.failures.len(), 1);
    println!("{}", report.failures[0]);

    // A start that fails says where and why.
    let server = Server::builder().register(ping).before_start(async |_| Err(Error::TimedOut));
    let error = server.build()?.start_in_memory().await.expect_err("a failure").to_string();
    println!("{error}");
    assert!(error.contains("guards.rs:"), "{error}");
    Ok(())
}
