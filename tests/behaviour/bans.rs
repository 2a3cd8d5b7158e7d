//! Banned addresses: their connections are closed as they come, until the ban passes or is lifted.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::server::guard::{self, Incoming, Refusal};
use asyncapy_tests::{JSON, Raw, echo, start};

const MINUTE: Duration = Duration::from_secs(60);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A client in memory that seems to come from an address.
fn from(server: &asyncapy::server::Running, address: &str) -> Raw {
    Raw::over(server.handle().connect_from(ip(address)).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_guard_bans_and_is_not_asked_until_it_passes() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let builder = echo().connection_guard(guard::from_fn(move |incoming: Incoming| {
        count.fetch_add(1, Ordering::Relaxed);
        let bad = incoming.address().ip() == Some(ip("10.0.0.1"));
        async move { if bad { Err(Refusal::new(Code::Unauthorized).ban_for(MINUTE)) } else { Ok(()) } }
    }));
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    // The first is told why, those after it are closed without a word.
    let mut client = from(&server, "10.0.0.1");
    client.expect_error(JSON, "ERR_UNAUTHORIZED").await;
    client.expect_closed().await;
    for _ in 0..100 {
        from(&server, "10.0.0.1").expect_closed().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let stats = server.handle().stats();
    assert_eq!((stats.accepted, stats.refused), (1, 101));
    assert_eq!(from(&server, "10.0.0.2").ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    tokio::time::advance(MINUTE).await;
    from(&server, "10.0.0.1").expect_error(JSON, "ERR_UNAUTHORIZED").await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn bans_are_listed_and_lifted_while_the_server_runs() {
    let server = start(echo()).await;
    let handle = server.handle();
    let mut inside = Raw::connect(&server).await;
    inside.ask(r#"{"a": 1}"#).await;
    handle.ban(ip("127.0.0.1"), MINUTE);
    handle.ban(ip("fd00::1"), 2 * MINUTE);
    let mut closed = Raw::connect(&server).await;
    // The system may say that by a reset, as it does when something was sent that nobody read.
    closed.write_anyway(&asyncapy_tests::frame(JSON, br#"{"a": 1}"#)).await;
    closed.expect_closed().await;
    assert_eq!(inside.ask(r#"{"a": 2}"#).await, json!({"a": 2}), "what is open stays");
    let mut elsewhere = Raw::connect_from(&server, "127.0.0.2").await;
    assert_eq!(elsewhere.ask(r#"{"a": 3}"#).await, json!({"a": 3}));

    let bans = handle.bans();
    assert_eq!(bans.iter().map(|ban| ban.host).collect::<Vec<_>>(), [ip("127.0.0.1"), ip("fd00::")]);
    assert!(bans[0].left <= MINUTE && bans[1].left > MINUTE, "{bans:?}");
    assert!(handle.unban(ip("127.0.0.1")) && !handle.unban(ip("127.0.0.1")));
    assert_eq!(Raw::connect(&server).await.ask(r#"{"a": 4}"#).await, json!({"a": 4}));
}

#[tokio::test(start_paused = true)]
async fn the_table_is_bounded_and_lets_the_oldest_go() {
    let server = echo().limits(|limits| limits.bans = 1000).build().unwrap().start_in_memory().await.unwrap();
    let handle = server.handle();
    for low in 0..5000_u32 {
        handle.ban(std::net::Ipv4Addr::from_bits(0x0a00_0000 + low).into(), MINUTE);
    }
    let bans = handle.bans();
    assert_eq!((bans.len(), bans[0].host), (1000, ip("10.0.15.160")));
    assert_eq!(from(&server, "10.0.0.1").ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    from(&server, "10.0.15.160").expect_closed().await;
    tokio::time::advance(MINUTE).await;
    assert!(handle.bans().is_empty());
}
