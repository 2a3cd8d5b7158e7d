use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::in_time;

/// A client that speaks HTTP/1.1 by itself, one request after the other on one connection.
#[derive(Debug)]
pub struct Http {
    stream: Box<dyn Transport>,
    pub(crate) input: BytesMut,
    host: String,
}

/// What carries bytes both ways.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for S {}

impl std::fmt::Debug for dyn Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transport")
    }
}

/// A response; the body is read apart where it is one that goes on.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The whole body, where it was read.
    pub body: Vec<u8>,
}

impl Http {
    /// Connects to an address.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = in_time("connect", TcpStream::connect(address)).await.expect("connect");
        Self::over(stream, &address.to_string())
    }

    /// Over a stream that is connected to this host.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, host: &str) -> Self {
        Self { stream: Box::new(stream), input: BytesMut::new(), host: host.to_owned() }
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    /// If they cannot be written.
    pub async fn write(&mut self, bytes: &[u8]) {
        in_time("write", self.stream.write_all(bytes)).await.expect("write");
    }

    /// Writes bytes as they are; whether the server still takes them does not matter.
    pub async fn write_anyway(&mut self, bytes: &[u8]) {
        // A server that has had enough closes, and then the rest cannot be written.
        let _ = in_time("write", self.stream.write_all(bytes)).await;
    }

    /// Sends a request with these further headers, each with its line break, and waits for nothing.
    pub async fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.lines().any(|header| header.to_ascii_lowercase().starts_with("host:")) {
            request.push_str(&format!("host: {}\r\n", self.host));
        }
        if method == "POST" && !headers.contains("content-length") {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str(headers);
        request.push_str("\r\n");
        self.write(&[request.as_bytes(), body].concat()).await;
    }

    /// Sends a request and reads the whole response.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Response {
        self.send(method, path, headers, body).await;
        self.response().await
    }

    /// Calls a function.
    pub async fn call(&mut self, path: &str, arguments: &str) -> Response {
        self.ask("POST", path, "content-type: application/json\r\n", arguments.as_bytes()).await
    }

    /// The next response, with its body.
    pub async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().expect("a length");
            while self.input.len() < length {
                assert!(self.fill().await, "the body breaks off");
            }
            response.body = self.input.split_to(length).to_vec();
        } else if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                response.body.extend_from_slice(&chunk);
            }
        }
        response
    }

    /// The head of the next response.
    ///
    /// # Panics
    /// If the connection ends before it, or it is none.
    pub async fn head(&mut self) -> Response {
        let end = loop {
            if let Some(end) = self.input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill().await, "the connection ends before the response: {:?}", self.input);
        };
        let head = String::from_utf8(self.input.split_to(end).to_vec()).expect("a head in text");
        self.input.advance(4);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Response { status, headers, body: Vec::new() }
    }

    /// The next chunk of a body that goes on; none at its end.
    ///
    /// # Panics
    /// If it breaks off.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            if let Some(end) = self.input.windows(2).position(|bytes| bytes == b"\r\n") {
                break end;
            }
            assert!(self.fill().await, "the body breaks off");
        };
        let length = std::str::from_utf8(&self.input[..end]).expect("a length").to_owned();
        let length = usize::from_str_radix(&length, 16).expect("a length");
        while self.input.len() < end + 2 + length + 2 {
            assert!(self.fill().await, "the body breaks off");
        }
        self.input.advance(end + 2);
        let chunk = self.input.split_to(length).to_vec();
        self.input.advance(2);
        (length > 0).then_some(chunk)
    }

    /// Reads what comes; false at the end.
    pub(crate) async fn fill(&mut self) -> bool {
        // A reset is an end too.
        in_time("bytes", self.stream.read_buf(&mut self.input)).await.is_ok_and(|read| read > 0)
    }

    /// Reads what comes and looks at none of it; false at the end.
    pub async fn fill_or_end(&mut self) -> bool {
        self.fill().await
    }

    /// Whether there is something that was read and not yet looked at.
    pub fn has_more(&self) -> bool {
        !self.input.is_empty()
    }

    /// Nothing more may come but the end.
    ///
    /// # Panics
    /// If something does.
    pub async fn expect_closed(&mut self) {
        assert!(!self.fill().await, "{:?} instead of the end", self.input);
    }
}

impl Response {
    /// A header's value, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The response must be this error.
    ///
    /// # Panics
    /// If it is not.
    pub fn expect_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.json()["error"], code, "{}", self.text());
    }
}
