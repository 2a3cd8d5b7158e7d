use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::ws::{Message, WebSocket};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::channel::{SIGNS, upgrade};
use super::gateway::Inner;
use super::refused::Refused;
use crate::mux::{Budget, Io};
use crate::server::visit::Visitor;

/// The most that is sent in one message, in bytes.
const MESSAGE: usize = 64 * 1024;

/// Opens a connection of the protocol: its bytes are those of the binary messages, wherever one ends and the next begins.
pub(super) async fn open(
    gateway: &Arc<Inner>,
    visitor: Visitor,
    parts: &mut Parts,
) -> Result<Response, Refused> {
    let upgrade = upgrade(gateway, parts).await?;
    let handle = gateway.handle.clone();
    Ok(upgrade.on_upgrade(move |socket| async move {
        handle.serve_stream(visitor, Io::any(Tunnel::new(socket))).await;
    }))
}

/// A stream of bytes in a WebSocket. It holds one message of either direction at most.
struct Tunnel {
    socket: WebSocket,
    /// What is left of the message that came last.
    left: Bytes,
    /// For pings and pongs, and for messages with nothing in them.
    signs: Budget,
}

impl Tunnel {
    fn new(socket: WebSocket) -> Self {
        Self { socket, left: Bytes::new(), signs: Budget::new(SIGNS, Instant::now()) }
    }

    fn wrong(why: &'static str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.left.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => self.left = bytes,
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {
                    if !self.signs.spend() {
                        return Poll::Ready(Err(Self::wrong(
                            "too many pings, or messages with nothing in them",
                        )));
                    }
                }
                Some(Ok(Message::Text(_))) => {
                    let why = "a text message where the protocol's bytes are spoken";
                    return Poll::Ready(Err(Self::wrong(why)));
                }
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let count = self.left.len().min(buffer.remaining());
        buffer.put_slice(&self.left[..count]);
        self.left.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(io::Error::other)?;
        let count = bytes.len().min(MESSAGE);
        let message = Message::Binary(Bytes::copy_from_slice(&bytes[..count]));
        Pin::new(&mut self.socket).start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(io::Error::other)
    }
}
