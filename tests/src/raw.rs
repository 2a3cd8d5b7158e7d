use std::fmt;
use std::net::SocketAddr;

use asyncapy::server::Running;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, timeout};

use crate::frames::{JSON, decode, error_text, frame_as, hex};
use crate::wait::in_time;

/// Any two-way stream of bytes.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// A client that speaks protocol V2 by itself, over any stream.
pub struct Raw {
    io: Box<dyn Io>,
    header: usize,
    big: bool,
}

impl Raw {
    /// Connects to a server's first TCP listener.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect(server: &Running) -> Self {
        Self::connect_to(server.local_addr().expect("the server listens on TCP")).await
    }

    /// Connects to a server's first TCP listener from an address of this machine, such as 127.0.0.2.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect_from(server: &Running, own: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::new(own.parse().expect("an address"), 0))
            .expect("an address of this machine");
        let address = server.local_addr().expect("the server listens on TCP");
        Self::over(in_time("connect", socket.connect(address)).await.expect("connect"))
    }

    /// Connects to an address.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect_to(address: SocketAddr) -> Self {
        let stream = in_time("connect", TcpStream::connect(address)).await.expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        Self::over(stream)
    }

    /// Connects without a socket.
    ///
    /// # Panics
    /// If the server is stopping.
    pub fn in_memory(server: &Running) -> Self {
        Self::over(server.handle().connect().expect("connect"))
    }

    /// Speaks over any stream.
    pub fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { io: Box::new(io), header: 4, big: true }
    }

    /// Frames with another header: its size in bytes, most significant first if `big`.
    #[must_use]
    pub fn framed(mut self, header: usize, big: bool) -> Self {
        (self.header, self.big) = (header, big);
        self
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    /// If they cannot be written.
    pub async fn write(&mut self, bytes: &[u8]) {
        in_time("write", self.io.write_all(bytes)).await.expect("write");
        in_time("flush", self.io.flush()).await.expect("flush");
    }

    /// Writes bytes as they are; whether the server still takes them does not matter.
    pub async fn write_anyway(&mut self, bytes: &[u8]) {
        // A server that has had enough closes, and then the rest cannot be written.
        let _ = in_time("write", self.io.write_all(bytes)).await;
    }

    /// Sends a packet.
    pub async fn send(&mut self, encoding: u8, payload: &[u8]) {
        let frame = frame_as(self.header, self.big, encoding, payload);
        self.write(&frame).await;
    }

    /// Sends a packet in JSON.
    pub async fn json(&mut self, text: &str) {
        self.send(JSON, text.as_bytes()).await;
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    /// If that fails.
    pub async fn half_close(&mut self) {
        in_time("shutdown", self.io.shutdown()).await.expect("shutdown");
    }

    /// The next packet's encoding and payload; `None` at the end of the stream.
    ///
    /// # Panics
    /// If what comes is no frame.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        in_time("a frame", self.read_frame()).await
    }

    async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = vec![0; self.header];
        // A reset is an end too: the server had unread bytes of ours.
        if self.io.read_exact(&mut header[..1]).await.is_err() {
            return None;
        }
        self.io.read_exact(&mut header[1..]).await.expect("the rest of the header");
        let ordered: Box<dyn Iterator<Item = &u8>> =
            if self.big { Box::new(header.iter()) } else { Box::new(header.iter().rev()) };
        let length = ordered.fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        assert!((5..1 << 26).contains(&length), "a length of {length}");
        let mut body = vec![0; length];
        self.io.read_exact(&mut body).await.expect("the rest of the frame");
        assert_eq!(body[0], 22, "the version");
        Some((body[1], body[2..].to_vec()))
    }

    /// The next packet as a value.
    ///
    /// # Panics
    /// At the end of the stream.
    pub async fn value(&mut self) -> Value {
        let (encoding, payload) = self.frame().await.expect("a packet, not the end");
        decode(encoding, &payload)
    }

    /// Sends a packet in JSON and reads one reply.
    pub async fn ask(&mut self, text: &str) -> Value {
        self.json(text).await;
        self.value().await
    }

    /// The `error` of the next packet.
    ///
    /// # Panics
    /// If it is no error packet.
    pub async fn error(&mut self) -> String {
        let value = self.value().await;
        assert_eq!(value["status"], "failure", "{value}");
        value["error"].as_str().unwrap_or_else(|| panic!("no code in {value}")).to_owned()
    }

    /// The next packet must be this one, byte for byte.
    ///
    /// # Panics
    /// If it is not.
    pub async fn expect(&mut self, encoding: u8, payload: &[u8]) {
        let (found, bytes) = self.frame().await.expect("a packet, not the end");
        let (wanted, got) = (String::from_utf8_lossy(payload), String::from_utf8_lossy(&bytes));
        assert_eq!((got, hex(&bytes), found), (wanted, hex(payload), encoding));
    }

    /// The next packet must be this error, byte for byte.
    pub async fn expect_error(&mut self, encoding: u8, code: &str) {
        self.expect(encoding, &error_text(encoding, code)).await;
    }

    /// Nothing more may come but the end.
    ///
    /// # Panics
    /// If something does.
    pub async fn expect_closed(&mut self) {
        if let Some((_, payload)) = self.frame().await {
            panic!("a packet came instead of the end: {:?}", String::from_utf8_lossy(&payload));
        }
    }

    /// Nothing more may come but the end, and no reset: one could have taken packets with it that were on their way.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn expect_orderly_end(&mut self) {
        let read = in_time("the end", self.io.read(&mut [0])).await;
        assert!(matches!(read, Ok(0)), "{read:?} instead of the end");
    }

    /// Nothing may come for a while, not even the end. For what must not happen there is no state to wait for: keep it
    /// short, or use the virtual clock.
    ///
    /// # Panics
    /// If something comes.
    pub async fn expect_silence(&mut self, duration: Duration) {
        if let Ok(frame) = timeout(duration, self.read_frame()).await {
            panic!(
                "silence was broken by {:?}",
                frame.map(|(_, payload)| String::from_utf8_lossy(&payload).into_owned())
            );
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").field("header", &self.header).field("big", &self.big).finish_non_exhaustive()
    }
}
