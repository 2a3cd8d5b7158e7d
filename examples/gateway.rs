//! Functions over HTTP: results, events, a channel's page. `cargo run --example gateway -- serve` serves until Ctrl-C, with a
//! page at <http://127.0.0.1:8080/>; without `serve` it makes its own requests and ends.

use asyncapy::gateway::Gateway;
use asyncapy::prelude::*;
use asyncapy::rpc::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Adds two numbers.
#[rpc(group = "math")]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

/// Counts.
#[rpc(group = "math")]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(1..=to)
}

/// Says everything louder.
#[rpc]
async fn shout(mut channel: Channel<String, String>) -> Result<(), Status> {
    while let Some(line) = channel.recv().await? {
        channel.send(line.to_uppercase()).await?;
    }
    Ok(())
}

/// One request on a connection of its own, as `curl` would make it; the whole response.
async fn post(address: &str, path: &str, accept: &str, arguments: &str) -> Result<String> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{arguments}",
        arguments.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    println!("{path}\n{response}\n");
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(sum).register(count).register(shout).build()?;
    let running = server.start_in_memory().await?;
    let gateway = Gateway::new(&running.handle()).page(true);

    if std::env::args().nth(1).as_deref() == Some("serve") {
        let (served, stopped) = tokio::join!(gateway.serve("127.0.0.1:8080"), running.until_signal());
        stopped?;
        return served;
    }

    let listening = gateway.bind("127.0.0.1:0").await?;
    let address = listening.local_addr().expect("an address").to_string();
    let serving = tokio::spawn(listening.serve());

    let answer = post(&address, "/math/sum", "application/json", r#"{"a": 20, "b": 22}"#).await?;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("42"));
    let wrong = post(&address, "/math/sum", "application/json", r#"{"a": 20}"#).await?;
    assert!(wrong.starts_with("HTTP/1.1 400") && wrong.contains(r#""field":"b""#));
    let events = post(&address, "/math/count", "text/event-stream", "[3]").await?;
    assert!(events.contains("data: 1\n\ndata: 2\n\ndata: 3\n\nevent: end\n"));
    let lines = post(&address, "/math/count", "*/*", "[3]").await?;
    assert!(lines.contains("1\n2\n3\n"));

    running.shutdown().await?;
    serving.await.map_err(|error| asyncapy::Error::Io(error.into()))?
}
