//! One task a connection that keeps so many calls in flight: nothing can be faster, and nobody could call it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{BUFFER, read, serve, write};
use crate::load::{self, Load, Outcome, Shape, nanoseconds};
use crate::order::Order;
use crate::system::{Future, System};

pub const SYSTEM: System = System {
    name: "hand loop (raw)",
    serve: || Box::pin(serve()),
    calls: Some(|address, shape| Box::pin(connect(address, shape))),
    streams: None,
    sums: None,
};

struct Pumps {
    /// Each round's tasks borrow them.
    streams: Vec<Arc<Mutex<TcpStream>>>,
    in_flight: usize,
}

async fn connect(address: SocketAddr, shape: Shape) -> Box<dyn Load> {
    let mut streams = Vec::new();
    for _ in 0..shape.connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(Arc::new(Mutex::new(stream)));
    }
    Box::new(Pumps { streams, in_flight: shape.in_flight })
}

impl Load for Pumps {
    fn round(&mut self, lasting: Duration) -> Future<Outcome> {
        let (streams, in_flight) = (self.streams.clone(), self.in_flight);
        Box::pin(async move {
            let began = Instant::now();
            let mut tasks = JoinSet::new();
            for stream in streams {
                tasks.spawn(async move { pump(&mut *stream.lock().await, in_flight, began + lasting).await });
            }
            load::all(began, tasks).await
        })
    }
}

async fn pump(stream: &mut TcpStream, in_flight: usize, until: Instant) -> Vec<u32> {
    let mut latencies = Vec::with_capacity(1 << 12);
    let mut input = BytesMut::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    // When the calls in flight were written; they are answered in their order.
    let mut sent = VecDeque::with_capacity(in_flight);
    let template = Order::numbered(0);
    let mut number = 0;
    let mut answered = 0;
    let mut room = in_flight;
    loop {
        let now = Instant::now();
        if now < until {
            for _ in 0..room {
                number += 1;
                let order = Order { id: template.id + u64::from(number), ..template.clone() };
                write(&mut output, number, &order).unwrap();
                sent.push_back(now);
            }
            stream.write_all(&output).await.unwrap();
            output.clear();
        } else if sent.is_empty() {
            return latencies;
        }
        input.reserve(BUFFER / 4);
        assert!(stream.read_buf(&mut input).await.unwrap() > 0, "the server hung up");
        let now = Instant::now();
        let mut rest = &input[..];
        room = 0;
        while let Some((number, order)) = read(&mut rest).unwrap() {
            answered += 1;
            let expected = template.id + u64::from(number);
            assert!(number == answered && order.id == expected && order.name == template.name);
            assert!(order.tags == template.tags);
            latencies.push(nanoseconds(sent.pop_front().unwrap(), now));
            room += 1;
        }
        let whole = input.len() - rest.len();
        input.advance(whole);
    }
}
