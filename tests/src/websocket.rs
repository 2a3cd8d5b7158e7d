use std::net::SocketAddr;

use bytes::Buf;
use serde_json::Value;

use crate::http::{Http, Response};

/// A client that speaks WebSocket by itself (RFC 6455).
#[derive(Debug)]
pub struct WebSocket(Http);

/// What comes in a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A close, with its code.
    Close(u16),
}

impl WebSocket {
    /// Opens one at a path, with these further headers; the response if it is refused.
    ///
    /// # Errors
    /// The response, if it is not 101.
    pub async fn open(address: SocketAddr, path: &str, headers: &str) -> Result<Self, Response> {
        Self::over(Http::connect(address).await, path, headers).await
    }

    /// The same on a connection that is there.
    ///
    /// # Errors
    /// The response, if it is not 101.
    pub async fn over(mut http: Http, path: &str, headers: &str) -> Result<Self, Response> {
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        http.send("GET", path, &format!("{upgrade}{headers}"), b"").await;
        let mut response = http.head().await;
        if response.status == 101 {
            // The answer to that key, as the RFC tells it.
            assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
            return Ok(Self(http));
        }
        let length: usize =
            response.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while http.input.len() < length {
            assert!(http.fill().await, "the body breaks off");
        }
        response.body = http.input.split_to(length).to_vec();
        Err(response)
    }

    /// Sends a frame of one's own making: the first byte, and the payload masked.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        const MASK: [u8; 4] = [1, 2, 3, 4];
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.0.write(&frame).await;
    }

    /// Sends bytes as they are; whether the server still takes them does not matter.
    pub async fn write_anyway(&mut self, bytes: &[u8]) {
        self.0.write_anyway(bytes).await;
    }

    /// Sends text.
    pub async fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes()).await;
    }

    /// Sends bytes.
    pub async fn binary(&mut self, bytes: &[u8]) {
        self.frame(0x82, bytes).await;
    }

    /// Closes with a code.
    pub async fn close(&mut self, code: u16) {
        self.frame(0x88, &code.to_be_bytes()).await;
    }

    /// The next message; `None` at the end. Pings are answered.
    ///
    /// # Panics
    /// If what comes is no frame.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let (first, payload) = self.read().await?;
            match first {
                0x81 => return Some(Message::Text(String::from_utf8(payload).expect("text"))),
                0x82 => return Some(Message::Binary(payload)),
                0x88 => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    return Some(Message::Close(code));
                }
                0x89 => self.frame(0x8a, &payload).await,
                0x8a => {}
                other => panic!("a frame that begins with {other:#x}"),
            }
        }
    }

    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = 2;
        loop {
            let input = &self.0.input;
            if input.len() >= header {
                let (wanted, length) = match input[1] {
                    126 => (4, input.get(2..4).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]).into())),
                    127 => (10, input.get(2..10).map(|mut bytes| bytes.get_u64() as usize)),
                    length => (2, Some(usize::from(length))),
                };
                header = wanted;
                if let Some(length) = length
                    && input.len() >= header + length
                {
                    let first = input[0];
                    self.0.input.advance(header);
                    return Some((first, self.0.input.split_to(length).to_vec()));
                }
            }
            if !self.0.fill().await {
                assert!(self.0.input.is_empty(), "a frame breaks off");
                return None;
            }
        }
    }

    /// The next message as JSON.
    ///
    /// # Panics
    /// If it is no text, or no JSON.
    pub async fn json(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("{other:?} instead of text"),
        }
    }
}
