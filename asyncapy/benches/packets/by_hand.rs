//! What somebody writes who has one kind of packet and an afternoon: the framing of protocol V2, serde, a read buffer,
//! replies that gather as long as whole frames are there.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::order::Order;

const BUFFER: usize = 16 * 1024;
const LONGEST: usize = 1 << 20;
/// The bytes before the payload: Content-Length, version, encoding.
const HEADER: usize = 6;

/// Serves each connection in a task; `answer` appends the reply's payload to a given one's.
pub async fn serve<A>(listener: TcpListener, answer: A) -> io::Result<()>
where
    A: Fn(u8, &[u8], &mut Vec<u8>) -> io::Result<()> + Copy + Send + Sync + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, answer));
    }
}

async fn connection<A>(mut stream: TcpStream, answer: A) -> io::Result<()>
where
    A: Fn(u8, &[u8], &mut Vec<u8>) -> io::Result<()>,
{
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    loop {
        let mut at = 0;
        while let Some(header) = input.get(at..at + HEADER) {
            let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let encoding = header[5];
            if !(5..=LONGEST).contains(&length) || header[4] != 22 || encoding > 1 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let end = at + 4 + length;
            let Some(payload) = input.get(at + HEADER..end) else { break };
            let start = output.len();
            output.extend_from_slice(&[0, 0, 0, 0, 22, encoding]);
            answer(encoding, payload, &mut output)?;
            let length = (output.len() - start - 4) as u32;
            output[start..start + 4].copy_from_slice(&length.to_be_bytes());
            at = end;
        }
        input.advance(at);
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
        input.reserve(BUFFER / 4);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Decodes an order and encodes it again.
pub fn typed(encoding: u8, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    if encoding == 0 {
        let order: Order = serde_json::from_slice(payload)?;
        serde_json::to_writer(out, &order)?;
    } else {
        let order: Order = rmp_serde::from_slice(payload).map_err(io::Error::other)?;
        rmp_serde::encode::write_named(out, &order).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Gives the bytes back, whatever they are.
pub fn raw(_: u8, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(payload);
    Ok(())
}
