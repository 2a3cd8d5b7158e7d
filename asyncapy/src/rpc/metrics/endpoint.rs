//! `GET /metrics`, and nothing else of HTTP: a request's head, an answer, the end. A whole HTTP server would be many times
//! the code of everything else behind this feature.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::debug;

use super::Metrics;
use crate::error::Result;

/// Where the metrics can be fetched, until it is dropped; [`Metrics::serve`] makes it.
#[derive(Debug)]
pub struct MetricsEndpoint {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Connections at once; the others wait to be accepted.
const CONNECTIONS: usize = 16;

/// How long a connection may take from its first byte to its last.
const TIME: Duration = Duration::from_secs(5);

/// The longest head of a request, in bytes.
const HEAD: usize = 8 * 1024;

/// How long to wait when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

impl MetricsEndpoint {
    pub(super) async fn bind(metrics: Metrics, address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, metrics)) })
    }

    /// The address, with the port that the system has picked for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, metrics: Metrics) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let metrics = metrics.clone();
                tokio::spawn(async move {
                    let _place = place;
                    match tokio::time::timeout(TIME, answer(stream, &metrics)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => debug!(%error, "The metrics were not fetched"),
                        Err(_) => debug!("The metrics were fetched too slowly"),
                    }
                });
            }
            Err(error) => {
                debug!(%error, "A connection for the metrics was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let mut head = Vec::new();
    let status = loop {
        if head.windows(4).any(|window| window == b"\r\n\r\n") {
            break look(&head);
        }
        if head.len() > HEAD {
            break "431 Request Header Fields Too Large";
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    let body = if status == OK { metrics.render() } else { String::new() };
    let allow = if status == NOT_ALLOWED { "Allow: GET, HEAD\r\n" } else { "" };
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
         Content-Length: {}\r\n{allow}Connection: close\r\n\r\n",
        body.len()
    );
    if !head.starts_with(b"HEAD ") {
        response.push_str(&body);
    }
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await?;
    // A close with something unread would cut the answer off.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

const OK: &str = "200 OK";
const NOT_ALLOWED: &str = "405 Method Not Allowed";

/// What a request's first line asks for.
fn look(head: &[u8]) -> &'static str {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    if !version.is_some_and(|version| version.starts_with(b"HTTP/1.")) || words.next().is_some() {
        return "400 Bad Request";
    }
    let path = target.and_then(|target| target.split(|byte| *byte == b'?').next());
    match (method, path) {
        (Some(b"GET" | b"HEAD"), Some(b"/metrics")) => OK,
        (_, Some(b"/metrics")) => NOT_ALLOWED,
        _ => "404 Not Found",
    }
}
