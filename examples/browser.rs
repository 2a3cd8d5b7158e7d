//! A page that speaks the protocol itself, over a WebSocket: calls, streams, a channel, and a function of the page that the
//! server calls. Its client, `asyncaproto.js`, is served by the gateway beside the gateway's own page, at `/api`. `cargo run --example browser -- serve`
//! serves the page at <http://127.0.0.1:8080/> until Ctrl-C; without `serve` it looks at the page and ends.

use std::net::SocketAddr;

use asyncapy::gateway::Gateway;
use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

/// Asks the page that calls for its title.
#[rpc]
async fn ask(page: Peer) -> Result<String, Status> {
    let title: String = page.call("title", ()).await?;
    Ok(format!("your title is {title:?}"))
}

/// The page and its scripts, beside the gateway at `/api`.
fn application(gateway: Gateway) -> Router {
    let script = |text: &'static str| get(async move || ([(CONTENT_TYPE, "text/javascript")], text));
    Router::new()
        .route("/", get(async || Html(include_str!("browser/index.html"))))
        .route("/page.js", script(include_str!("browser/page.js")))
        .nest("/api", gateway.into_router())
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(sum).register(count).register(shout).register(ask).build()?;
    let running = server.start_in_memory().await?;
    let serves = std::env::args().nth(1).as_deref() == Some("serve");
    let listener = TcpListener::bind(if serves { "127.0.0.1:8080" } else { "127.0.0.1:0" }).await?;
    let address = listener.local_addr()?;
    println!("http://{address}/");
    // The gateway learns from it who calls.
    let application = application(Gateway::new(&running.handle()).page(true))
        .into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, application).await });

    if serves {
        running.until_signal().await?;
    } else {
        for (path, shows) in
            [("/", "page.js"), ("/page.js", "asyncaproto"), ("/api/asyncaproto.js", "Connection")]
        {
            let mut stream = TcpStream::connect(address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut response = String::new();
            stream.read_to_string(&mut response).await?;
            assert!(response.starts_with("HTTP/1.1 200") && response.contains(shows), "{response}");
        }
        running.shutdown().await?;
    }
    serving.abort();
    Ok(())
}
