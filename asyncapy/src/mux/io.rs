use std::any::Any;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// The bytes of a connection, whatever carries them: one type, so that the connection's code exists once.
#[derive(Debug)]
pub(crate) enum Io {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    Memory(DuplexStream),
    /// What else carries bytes: a client's TLS, a WebSocket, a stream that the program brings along.
    /// The lock is never taken: it lets a connection be held by any thread, and asks nothing of the stream for it.
    Any(Mutex<Box<dyn Transport>>),
}

/// What carries bytes both ways.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for S {}

impl std::fmt::Debug for dyn Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transport")
    }
}

/// Runs an expression on whichever stream it is.
macro_rules! each {
    ($stream:expr, $inner:ident => $body:expr) => {
        match $stream {
            Io::Tcp($inner) => $body,
            #[cfg(unix)]
            Io::Unix($inner) => $body,
            #[cfg(feature = "tls")]
            Io::Tls($inner) => $body,
            Io::Memory($inner) => $body,
            Io::Any(any) => {
                let $inner = any.get_mut().unwrap_or_else(PoisonError::into_inner);
                $body
            }
        }
    };
}

impl Io {
    /// Any stream.
    pub(crate) fn any(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Io::Any(Mutex::new(Box::new(stream)))
    }

    /// Any stream, which is known for what it is if it is one of the system's.
    pub(crate) fn of<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> Self {
        let mut stream = Some(stream);
        let any: &mut dyn Any = &mut stream;
        if let Some(tcp) = any.downcast_mut::<Option<TcpStream>>().and_then(Option::take) {
            return Io::Tcp(tcp);
        }
        #[cfg(unix)]
        if let Some(unix) = any.downcast_mut::<Option<UnixStream>>().and_then(Option::take) {
            return Io::Unix(unix);
        }
        stream.map_or_else(Io::none, Io::any)
    }

    /// The stream, for what reads and writes by itself.
    #[cfg(feature = "gateway")]
    pub(crate) fn into_transport(self) -> Box<dyn Transport> {
        match self {
            Io::Tcp(stream) => Box::new(stream),
            #[cfg(unix)]
            Io::Unix(stream) => Box::new(stream),
            #[cfg(feature = "tls")]
            Io::Tls(stream) => stream,
            Io::Memory(stream) => Box::new(stream),
            Io::Any(stream) => stream.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// What stands in for a stream that was taken away.
    pub(crate) fn none() -> Self {
        Io::any(tokio::io::empty())
    }

    /// Ready when a read is worth a buffer: an idle plain connection holds none.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Io::Tcp(stream) => stream.poll_read_ready(context),
            #[cfg(unix)]
            Io::Unix(stream) => stream.poll_read_ready(context),
            #[cfg(feature = "tls")]
            Io::Tls(_) => Poll::Ready(Ok(())),
            Io::Memory(_) | Io::Any(_) => Poll::Ready(Ok(())),
        }
    }

    /// Reads into the spare room of `buffer`; 0 bytes are the end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        // `read_buf` keeps nothing between polls, so that it can be made anew each time.
        each!(self, stream => poll_read_buf(stream, context, buffer))
    }

    /// Writes the front of `buffer`, and takes what was written off it.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let written = ready!(each!(self, stream => Pin::new(stream).poll_write(context, buffer)))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        bytes::Buf::advance(buffer, written);
        Poll::Ready(Ok(written))
    }

    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(context))
    }

    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(context))
    }
}

fn poll_read_buf<S: AsyncRead + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    std::pin::pin!(stream.read_buf(buffer)).poll(context)
}
