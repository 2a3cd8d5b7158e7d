//! How often somebody may come, or do something.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::security::{Rate, RateLimit};
use asyncapy::server::Running;
use asyncapy::server::guard::{self, ConnectionRate, Incoming, Refusal};
use asyncapy_tests::{Raw, crowd, echo, start};

fn from(server: &Running, address: &str) -> Raw {
    Raw::over(server.handle().connect_from(address.parse().unwrap()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn connections_of_an_address_come_at_a_rate() {
    let rate = Rate::new(6, Duration::from_secs(60)).unwrap();
    let builder = crowd(echo(), 10_000).connection_guard(ConnectionRate::new(rate));
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    for _ in 0..6 {
        assert_eq!(from(&server, "10.0.0.1").ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    }
    let refused = from(&server, "10.0.0.1").value().await;
    assert_eq!(refused["error"], "ERR_TOO_MANY_CONNECTIONS");
    assert_eq!(refused["message"], "too many at once; the next may come in 10.0s");
    assert_eq!(from(&server, "10.0.0.2").ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(from(&server, "10.0.0.1").ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    assert_eq!(from(&server, "10.0.0.1").error().await, "ERR_TOO_MANY_CONNECTIONS");
}

#[tokio::test]
async fn one_that_comes_too_fast_is_banned() {
    let rate = Rate::new(5, Duration::from_secs(3600)).unwrap();
    let guard = ConnectionRate::new(rate).ban_for(Duration::from_secs(60));
    let server = start(crowd(echo(), 10_000).connection_guard(guard)).await;
    for at in 0..5 {
        assert_eq!(Raw::connect(&server).await.ask(r#"{"a": 1}"#).await, json!({"a": 1}), "{at}");
    }
    assert_eq!(Raw::connect(&server).await.error().await, "ERR_TOO_MANY_CONNECTIONS");
    Raw::connect(&server).await.expect_closed().await;
    let bans = server.handle().bans();
    assert_eq!(bans[0].host, IpAddr::from([127, 0, 0, 1]));
}

#[tokio::test(start_paused = true)]
async fn the_same_limit_serves_a_guard_and_a_handler() {
    let limit = Arc::new(RateLimit::<IpAddr>::new(Rate::per_second(3).unwrap()));
    let (door, room) = (limit.clone(), limit.clone());
    let builder = asyncapy::Server::builder()
        .register_fn(move |client: Client| {
            let limit = room.clone();
            async move {
                let address = client.address().ip().ok_or(Code::Unauthorized)?;
                limit.check(&address).map_err(|_| Code::Overloaded)?;
                Ok::<_, Code>(json!({"done": true}))
            }
        })
        .connection_guard(guard::from_fn(move |incoming: Incoming| {
            let limit = door.clone();
            async move {
                let host = incoming.host().ok_or(Code::Unauthorized)?;
                limit.check(&host).map_err(|_| Refusal::new(Code::Overloaded))
            }
        }));
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let mut client = from(&server, "10.0.0.1");
    assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"done": true}));
    assert_eq!(client.ask(r#"{"a": 2}"#).await, json!({"done": true}));
    assert_eq!(client.ask(r#"{"a": 3}"#).await["error"], "ERR_OVERLOADED");
    assert_eq!(from(&server, "10.0.0.1").error().await, "ERR_OVERLOADED");
    assert_eq!(limit.keys(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(client.ask(r#"{"a": 4}"#).await, json!({"done": true}));
}
