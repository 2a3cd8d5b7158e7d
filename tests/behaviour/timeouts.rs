//! Deadlines: of the next whole packet (protocol V2, rule 4), of a packet that has begun, of a handler (rule 7).
//!
//! Where exact times matter the clock is virtual and the connection in memory: seconds pass at once, in order.

use std::time::Duration;

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{JSON, Raw, ZIPROTO, at_rest, echo, frame, start};
use tokio::time::{Instant, sleep};

async fn in_memory(builder: Builder) -> Running {
    builder.build().unwrap().start_in_memory().await.unwrap()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The time since `began`, in whole milliseconds.
fn passed(began: Instant) -> u128 {
    began.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_ends_after_sixty_seconds() {
    let server = in_memory(echo()).await;
    let mut client = Raw::in_memory(&server);
    let began = Instant::now();
    client.expect_error(JSON, "ERR_TIMED_OUT").await;
    assert!((60_000..60_100).contains(&passed(began)), "{}", passed(began));
    client.expect_closed().await;
    at_rest(&server.handle()).await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_begins_anew_with_each_packet() {
    let server = in_memory(echo().timeout(seconds(3.0))).await;
    let mut client = Raw::in_memory(&server);
    for at in 0..5 {
        sleep(seconds(2.9)).await;
        assert_eq!(client.ask(&format!(r#"{{"at": {at}}}"#)).await["at"], at);
    }
    let began = Instant::now();
    client.expect_error(JSON, "ERR_TIMED_OUT").await;
    assert!((3_000..3_050).contains(&passed(began)), "{}", passed(began));
    client.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn the_error_is_in_json_whatever_the_session_speaks() {
    let server = in_memory(echo().timeout(seconds(3.0))).await;
    let mut client = Raw::in_memory(&server);
    client.send(ZIPROTO, b"\x81\xa1n\x02").await;
    client.value().await;
    client.expect_error(JSON, "ERR_TIMED_OUT").await;
    client.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_is_too_slow() {
    let server = in_memory(echo()).await;
    let mut client = Raw::in_memory(&server);
    let began = Instant::now();
    let payload = format!(r#"{{"a": "{}"}}"#, "x".repeat(200));
    let drip = async {
        for byte in frame(JSON, payload.as_bytes()) {
            client.write_anyway(&[byte]).await;
            if tokio::time::timeout(seconds(1.0), client.frame()).await.is_ok_and(|frame| {
                let (encoding, error) = frame.expect("an error before the end");
                assert_eq!(
                    (encoding, error),
                    (JSON, br#"{"status": "failure", "error": "ERR_TIMED_OUT"}"#.to_vec())
                );
                true
            }) {
                return;
            }
        }
        panic!("200 seconds were not too long");
    };
    drip.await;
    // 10 seconds, and the length at 64 KiB a second.
    assert!((10_000..10_200).contains(&passed(began)), "{}", passed(began));
    at_rest(&server.handle()).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_packet_has_time_for_its_length() {
    let server = in_memory(echo()).await;
    let mut client = Raw::in_memory(&server);
    let payload = format!(r#"{{"a": "{}"}}"#, "x".repeat(640 * 1024));
    let bytes = frame(JSON, payload.as_bytes());
    // 640 KiB in 16 seconds: more than 10, less than 20.
    for part in bytes.chunks(40 * 1024) {
        sleep(seconds(1.0)).await;
        client.write(part).await;
    }
    assert_eq!(client.frame().await.unwrap().1.len(), payload.len());
    // But no packet has more than 30 seconds.
    let began = Instant::now();
    client.write(&(1024u32 * 1024).to_be_bytes()).await;
    client.expect_error(JSON, "ERR_TIMED_OUT").await;
    assert!((26_000..30_100).contains(&passed(began)), "{}", passed(began));
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_began_must_be_whole_within_the_timeout_too() {
    let server = in_memory(echo().timeout(seconds(4.0))).await;
    let mut client = Raw::in_memory(&server);
    sleep(seconds(3.0)).await;
    client.write(&[0, 0, 0, 20]).await;
    let began = Instant::now();
    client.expect_error(JSON, "ERR_TIMED_OUT").await;
    assert!((900..1_100).contains(&passed(began)), "{}", passed(began));
}

#[handler]
async fn three_seconds(packet: Packet) -> Packet {
    sleep(seconds(3.0)).await;
    packet
}

#[tokio::test(start_paused = true)]
async fn a_handlers_own_time_is_not_the_clients() {
    let server = in_memory(Server::builder().register(three_seconds).timeout(seconds(2.0))).await;
    let mut client = Raw::in_memory(&server);
    for _ in 0..3 {
        assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
        sleep(seconds(1.9)).await;
    }
    client.expect_error(JSON, "ERR_TIMED_OUT").await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_given_up_and_the_session_stays() {
    struct Dropped(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let (dropped, mut is_dropped) = tokio::sync::mpsc::unbounded_channel();
    let builder = Server::builder()
        .register_fn(move |client: Client, packet: Packet| {
            let dropped = dropped.clone();
            async move {
                if packet.contains("slow") {
                    let _guard = Dropped(dropped);
                    client.send(json!({"sent": "before"})).await.unwrap();
                    std::future::pending::<()>().await;
                }
                packet
            }
        })
        .handler_timeout(seconds(5.0));
    let server = in_memory(builder).await;
    let mut client = Raw::in_memory(&server);
    let began = Instant::now();
    client.json(r#"{"slow": 1}"#).await;
    client.json(r#"{"next": 1}"#).await;
    assert_eq!(client.value().await, json!({"sent": "before"}));
    client.expect_error(JSON, "ERR_HANDLER_TIMED_OUT").await;
    assert!((5_000..5_050).contains(&passed(began)), "{}", passed(began));
    is_dropped.recv().await.unwrap();
    assert_eq!(client.value().await, json!({"next": 1}));
    assert_eq!(server.handle().stats().calls, 0);
}

#[handler(timeout = "500ms")]
async fn impatient() {
    std::future::pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn a_handlers_own_timeout_goes_before_the_servers() {
    let server = in_memory(Server::builder().register(impatient)).await;
    let mut client = Raw::in_memory(&server);
    let began = Instant::now();
    client.json(r#"{"a": 1}"#).await;
    client.expect_error(JSON, "ERR_HANDLER_TIMED_OUT").await;
    assert!((500..550).contains(&passed(began)), "{}", passed(began));
}

#[tokio::test]
async fn on_a_real_socket_and_a_real_clock_too() {
    let server = start(echo().timeout(seconds(0.2))).await;
    let mut idle = Raw::connect(&server).await;
    let mut slow = Raw::connect(&server).await;
    slow.write(&[0, 0, 0]).await;
    idle.expect_error(JSON, "ERR_TIMED_OUT").await;
    slow.expect_error(JSON, "ERR_TIMED_OUT").await;
    idle.expect_closed().await;
    slow.expect_closed().await;
    drop((idle, slow));
    at_rest(&server.handle()).await;
}
