//! Work that blocks does not hold up others: a plain `fn` as a handler, and `asyncapy::blocking`.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy_tests::{DEADLINE, JSON, Raw, at_rest, start};

/// A handler waits here, on its thread, until the test lets it go.
#[derive(Clone)]
struct Gate(Arc<Mutex<mpsc::Receiver<()>>>);

impl Gate {
    fn new() -> (mpsc::Sender<()>, Self) {
        let (open, wait) = mpsc::channel();
        (open, Gate(Arc::new(Mutex::new(wait))))
    }

    fn pass(&self) {
        self.0.lock().unwrap().recv_timeout(DEADLINE).unwrap();
    }
}

#[handler(fields(plain))]
fn plain(State(gate): State<Gate>, #[field] plain: u32) -> serde_json::Value {
    gate.pass();
    json!({"plain": plain})
}

#[handler(fields(part))]
async fn part(State(gate): State<Gate>, #[field] part: u32) -> serde_json::Value {
    let doubled = asyncapy::blocking(move || {
        gate.pass();
        part * 2
    })
    .await;
    json!({"part": doubled})
}

#[handler(fields(fast))]
async fn fast() -> serde_json::Value {
    json!({"fast": true})
}

#[handler(fields(panics))]
fn panics() {
    panic!("in the pool");
}

#[handler(fields(sends))]
fn sends(client: Client, packet: Packet) -> Result<Packet> {
    client.try_send(json!({"sent": "first"}))?;
    Ok(packet)
}

#[handler(fields(slow), timeout = "50ms")]
fn slow(State(gate): State<Gate>) {
    gate.pass();
}

/// Everything on one thread: what blocks it is noticed.
#[tokio::test]
async fn others_go_on_while_a_handler_blocks() {
    let (open, gate) = Gate::new();
    let server = start(Server::builder().register(plain).register(part).register(fast).state(gate)).await;
    let mut waits = Raw::connect(&server).await;
    let mut other = Raw::connect(&server).await;
    for (packet, reply) in [(r#"{"plain": 3}"#, json!({"plain": 3})), (r#"{"part": 3}"#, json!({"part": 6}))]
    {
        waits.json(packet).await;
        for _ in 0..10 {
            assert_eq!(other.ask(r#"{"fast": 1}"#).await, json!({"fast": true}));
        }
        open.send(()).unwrap();
        assert_eq!(waits.value().await, reply);
    }
    drop((waits, other));
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn a_panic_in_the_pool_costs_one_reply() {
    let server = start(Server::builder().register(panics).register(fast)).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"panics": 1}"#).await;
    client.expect_error(JSON, "ERR_HANDLER_FAILED").await;
    assert_eq!(client.ask(r#"{"fast": 1}"#).await, json!({"fast": true}));
    assert_eq!(server.handle().stats().panics, 1);
}

#[tokio::test]
async fn a_plain_function_can_send_without_waiting() {
    let server = start(Server::builder().register(sends)).await;
    let mut client = Raw::connect(&server).await;
    assert_eq!(client.ask(r#"{"sends": 1}"#).await, json!({"sent": "first"}));
    assert_eq!(client.value().await, json!({"sends": 1}));
}

#[tokio::test]
async fn a_blocking_handler_is_given_up_in_time() {
    let (open, gate) = Gate::new();
    let server = start(Server::builder().register(slow).register(fast).state(gate)).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"slow": 1}"#).await;
    client.expect_error(JSON, "ERR_HANDLER_TIMED_OUT").await;
    assert_eq!(client.ask(r#"{"fast": 1}"#).await, json!({"fast": true}));
    // The code itself runs on to its end, which nobody can hurry.
    open.send(()).unwrap();
}
