//! What somebody writes who has one function and an afternoon: frames with a length and a call's number, bodies by
//! rmp-serde as it comes, a read buffer, replies that gather as long as whole frames are there.
//!
//! One server for two clients: [`tasks`] as such clients are usually written, [`raw`] without any task or channel
//! between a call and its bytes.

pub mod raw;
pub mod tasks;

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::order::Order;

const BUFFER: usize = 16 * 1024;
const LONGEST: usize = 1 << 20;
/// The bytes of a frame's length, which counts the number and the body.
const LENGTH: usize = 4;
/// The bytes before the body.
const HEADER: usize = LENGTH + 4;

/// Appends a frame.
fn write(out: &mut Vec<u8>, number: u32, order: &Order) -> io::Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    out.extend_from_slice(&number.to_be_bytes());
    rmp_serde::encode::write(out, order).map_err(io::Error::other)?;
    let length = (out.len() - start - LENGTH) as u32;
    out[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Takes a whole frame off, if one is there.
fn read(input: &mut &[u8]) -> io::Result<Option<(u32, Order)>> {
    let Some(header) = input.first_chunk::<HEADER>() else { return Ok(None) };
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let length = word(0) as usize;
    if !(HEADER - LENGTH..=LONGEST).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let Some(body) = input.get(HEADER..LENGTH + length) else { return Ok(None) };
    let order = rmp_serde::from_slice(body).map_err(io::Error::other)?;
    *input = &input[LENGTH + length..];
    Ok(Some((word(LENGTH), order)))
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream));
        }
    });
    address
}

async fn connection(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    loop {
        let mut rest = &input[..];
        while let Some((number, order)) = read(&mut rest)? {
            write(&mut output, number, &order)?;
        }
        let whole = input.len() - rest.len();
        input.advance(whole);
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
