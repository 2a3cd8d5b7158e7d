//! What is counted of calls and packets, and how it is fetched.

use std::sync::Arc;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::{Caller, Metrics};
use asyncapy_tests::{eventually, in_time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

#[rpc(group = "math")]
async fn half(of: u32) -> Result<u32, Code> {
    if of.is_multiple_of(2) { Ok(of / 2) } else { Err(Code::custom("ERR_ODD")) }
}

#[rpc]
async fn numbers(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(0..to)
}

#[rpc]
async fn held(State(gate): State<Arc<Semaphore>>) {
    let _permit = gate.acquire().await;
}

#[rpc]
async fn broken() {
    panic!("as asked for");
}

#[rpc(private("identity:nobody"))]
async fn hidden() {}

#[handler]
async fn echo(packet: Packet) -> Packet {
    packet
}

/// The value of a series.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn calls_are_counted_on_both_sides() {
    let gate = Arc::new(Semaphore::new(0));
    let metrics = Metrics::new();
    let server =
        Server::builder().linked_in(module_path!()).state(gate.clone()).metrics(&metrics).build().unwrap();
    let running = server.start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap().with(metrics.clone());
    assert_eq!(half::call(&peer, 4).await.unwrap(), 2);
    assert_eq!(half::call(&peer, 6).await.unwrap(), 3);
    half::call(&peer, 5).await.unwrap_err();
    peer.call::<()>("math.half", ("x",)).await.unwrap_err();
    peer.call::<()>("no.such", ()).await.unwrap_err();
    hidden::call(&peer).await.unwrap_err();
    broken::call(&peer).await.unwrap_err();
    let mut items = numbers::call(&peer, 100).await.unwrap();
    while let Some(item) = items.next().await {
        item.unwrap();
    }
    let is = |series: &str, expected: f64| {
        let found = value(&metrics, &format!("asyncapy_{series}"));
        assert_eq!(found, Some(expected), "{series} in\n{}", metrics.render());
    };
    for side in ["server", "client"] {
        is(&format!(r#"{side}_calls_total{{name="math.half",code="OK"}}"#), 2.0);
        is(&format!(r#"{side}_calls_total{{name="math.half",code="ERR_ODD"}}"#), 1.0);
        is(&format!(r#"{side}_calls_total{{name="math.half",code="ERR_FIELD_INVALID"}}"#), 1.0);
        is(&format!(r#"{side}_calls_total{{name="numbers",code="OK"}}"#), 1.0);
        is(&format!(r#"{side}_calls_total{{name="broken",code="ERR_HANDLER_PANICKED"}}"#), 1.0);
        is(&format!(r#"{side}_call_duration_seconds_count{{name="math.half"}}"#), 4.0);
        is(&format!(r#"{side}_calls_in_flight{{name="math.half"}}"#), 0.0);
    }
    is(r#"server_calls_total{name="other",code="ERR_FUNCTION_UNKNOWN"}"#, 1.0);
    is(r#"server_calls_total{name="hidden",code="ERR_FUNCTION_PRIVATE"}"#, 1.0);
    is(r#"server_call_sent_bytes_total{name="math.half"}"#, 2.0);
    is(r#"client_call_received_bytes_total{name="math.half"}"#, 2.0);
    // Three times `{"of": number}`, and `["x"]`.
    is(r#"server_call_received_bytes_total{name="math.half"}"#, 18.0);
    is(r#"client_call_sent_bytes_total{name="math.half"}"#, 18.0);
    is(r#"server_call_sent_bytes_total{name="numbers"}"#, 100.0);
    is(r#"client_call_received_bytes_total{name="numbers"}"#, 100.0);
    is(r#"client_call_sent_bytes_total{name="numbers"}"#, 5.0);

    let in_flight =
        |expected: f64| value(&metrics, r#"asyncapy_server_calls_in_flight{name="held"}"#) == Some(expected);
    let mut call = Box::pin(std::future::IntoFuture::into_future(held::call(&peer)));
    tokio::select! {
        _ = &mut call => panic!("it waits"),
        () = eventually("it is under way", || in_flight(1.0)) => {}
    }
    drop(call);
    eventually("it was given up", || in_flight(0.0)).await;
    is(r#"server_calls_total{name="held",code="GIVEN_UP"}"#, 1.0);
    is(r#"client_calls_total{name="held",code="GIVEN_UP"}"#, 1.0);

    let client = running.handle().client().unwrap();
    client.request(json!({"a": 1})).await.unwrap();
    is(r#"server_packets_total{name="echo",code="OK"}"#, 1.0);
    is(r#"server_packet_received_bytes_total{name="echo"}"#, 7.0);
    is(r#"server_packet_sent_bytes_total{name="echo"}"#, 7.0);
}

async fn fetch(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    in_time("the answer", stream.read_to_string(&mut text)).await.unwrap();
    text
}

#[tokio::test]
async fn the_endpoint_answers_one_question() {
    let metrics = Metrics::new();
    let endpoint = metrics.serve("127.0.0.1:0").await.unwrap();
    let address = endpoint.local_addr();
    let text = fetch(address, "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains(&format!("Content-Length: {}\r\n", body.len())) && body.ends_with("# EOF\n"),
        "{text}"
    );
    let head = fetch(address, "HEAD /metrics HTTP/1.0\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"));
    for (request, status) in [
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /metrics\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        (&format!("GET /metrics HTTP/1.1\r\nA: {}", "a".repeat(20_000)), "431"),
    ] {
        let answer = fetch(address, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.40}: {answer}");
    }
    // Whoever says nothing holds nobody up.
    let _silent = TcpStream::connect(address).await.unwrap();
    assert!(fetch(address, "GET /metrics HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    drop(endpoint);
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    in_time("it is gone", refused).await;
    assert!(metrics.serve("not an address").await.is_err());
}
