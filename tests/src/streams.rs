use std::fmt;
use std::net::SocketAddr;

use asyncapy::server::Running;
use asyncapy::wire::v3::{FrameKind, OpenHeader};
use asyncapy::wire::{EncodeError, Encoding, Framing, decode_value};
use bytes::BytesMut;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub use asyncapy::wire::v3::Flags;

use crate::wait::in_time;

/// Any two-way stream of bytes.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// A client of protocol V3 that keeps no rule by itself: it writes what it is told, and reads what comes.
pub struct Streams {
    io: Box<dyn Io>,
    framing: Framing,
    /// What is to be sent.
    pub out: BytesMut,
    input: BytesMut,
    bytewise: bool,
}

impl Streams {
    /// Connects to a server's first TCP listener.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect(server: &Running) -> Self {
        Self::connect_to(server.local_addr().expect("the server listens on TCP")).await
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
        let (out, input) = (BytesMut::new(), BytesMut::new());
        Self { io: Box::new(io), framing: Framing::default(), out, input, bytewise: false }
    }

    /// Writes one byte at a time.
    #[must_use]
    pub fn bytewise(mut self) -> Self {
        self.bytewise = true;
        self
    }

    /// An OPEN by name with arguments in JSON.
    ///
    /// # Panics
    /// If the name is too long.
    pub fn open(&mut self, id: u32, name: &str, arguments: &str, flags: Flags) {
        let open = OpenHeader {
            stream: id,
            encoding: Some(Encoding::Json),
            flags,
            name: Some(name),
            ..OpenHeader::default()
        };
        let write = |out: &mut BytesMut| {
            out.extend_from_slice(arguments.as_bytes());
            Ok::<_, EncodeError>(())
        };
        self.framing.encode_open(&mut self.out, &open, write).expect("an OPEN");
    }

    /// Any frame at all: what follows its stream's number is `body`.
    pub fn frame(&mut self, encoding: u8, kind: u8, flags: Flags, id: u32, body: &[u8]) {
        let length = u32::try_from(8 + body.len()).unwrap_or(u32::MAX);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(&[23, encoding, kind, flags.0]);
        self.out.extend_from_slice(&id.to_be_bytes());
        self.out.extend_from_slice(body);
    }

    /// An ITEM of raw bytes.
    pub fn item(&mut self, id: u32, payload: &[u8], flags: Flags) {
        self.frame(2, FrameKind::Item.byte(), flags, id, payload);
    }

    /// A CANCEL.
    pub fn cancel(&mut self, id: u32) {
        self.framing.encode_cancel(&mut self.out, id);
    }

    /// A CREDIT.
    pub fn credit(&mut self, id: u32, items: u32, bytes: u32) {
        self.framing.encode_credit(&mut self.out, id, items, bytes);
    }

    /// Sends what was written; false if the server does not take it any more.
    pub async fn send(&mut self) -> bool {
        let bytes = self.out.split();
        let step = if self.bytewise { 1 } else { bytes.len().max(1) };
        for chunk in bytes.chunks(step) {
            let written = async {
                self.io.write_all(chunk).await?;
                self.io.flush().await
            };
            if in_time("write", written).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Says that nothing more will be sent.
    pub async fn half_close(&mut self) {
        // A server that has closed already does not mind.
        let _ = in_time("shutdown", self.io.shutdown()).await;
    }

    /// The next frame in words, such as `ITEM 1 3`, `ERROR 1 ERR_..` or `GOAWAY 0 ERR_..`; none at the end.
    ///
    /// # Panics
    /// If what comes is no frame of protocol V3.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Ok(frame) = self.framing.decode_v3(&self.input).expect("a frame") {
                let payload = &self.input[frame.payload.clone()];
                let value = match frame.encoding {
                    Some(encoding) if !payload.is_empty() => {
                        decode_value::<Value>(payload, encoding).unwrap_or(Value::Null)
                    }
                    _ => Value::from(payload.len()),
                };
                let told = match frame.kind {
                    FrameKind::Error | FrameKind::GoAway => &value["error"],
                    _ => &value,
                };
                let told = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
                let words = format!("{} {} {told}", frame.kind, frame.stream);
                let _ = self.input.split_to(frame.end);
                return Some(words);
            }
            let read = in_time("a frame", self.io.read_buf(&mut self.input)).await;
            if !matches!(read, Ok(1..)) {
                return None;
            }
        }
    }

    /// All that comes until the end.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(words) = self.next().await {
            all.push(words);
        }
        all
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("bytewise", &self.bytewise).finish_non_exhaustive()
    }
}
