//! The plain way: callers wait for a oneshot that lies under the call's number; a task writes, another reads.
//!
//! On a runtime the task that writes is woken by the first call and runs next, so that it mostly finds that one alone.
//! [`GATHERING`] is the same by somebody who has noticed: it lets the others go first.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::{BUFFER, read, serve, write};
use crate::load;
use crate::order::Order;
use crate::system::{Client, System};

pub const SYSTEM: System = System {
    name: "hand loop (tasks)",
    serve: || Box::pin(serve()),
    calls: Some(|address, shape| Box::pin(load::callers(shape, move || connect(address, false)))),
    streams: None,
    sums: None,
};

pub const GATHERING: System = System {
    name: "hand loop (gathering)",
    calls: Some(|address, shape| Box::pin(load::callers(shape, move || connect(address, true)))),
    ..SYSTEM
};

/// Calls that wait to be written.
const QUEUE: usize = 256;

#[derive(Default)]
struct Waiting {
    last: u32,
    callers: HashMap<u32, oneshot::Sender<Order>>,
}

#[derive(Clone)]
struct Caller {
    calls: mpsc::Sender<(u32, Order)>,
    waiting: Arc<Mutex<Waiting>>,
}

async fn connect(address: SocketAddr, gathers: bool) -> Caller {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (input, output) = stream.into_split();
    let (calls, queue) = mpsc::channel(QUEUE);
    let waiting = Arc::default();
    tokio::spawn(send(output, queue, gathers));
    tokio::spawn(receive(input, Arc::clone(&waiting)));
    Caller { calls, waiting }
}

impl Client for Caller {
    async fn echo(&mut self, order: Order) -> Order {
        let (reply, receiver) = oneshot::channel();
        let number = {
            let mut waiting = self.waiting.lock().unwrap();
            waiting.last += 1;
            let number = waiting.last;
            waiting.callers.insert(number, reply);
            number
        };
        self.calls.send((number, order)).await.unwrap();
        receiver.await.unwrap()
    }
}

/// Writes what waits in one go.
async fn send(mut stream: OwnedWriteHalf, mut queue: mpsc::Receiver<(u32, Order)>, gathers: bool) {
    let mut calls = Vec::with_capacity(QUEUE);
    let mut output = Vec::with_capacity(BUFFER);
    while queue.recv_many(&mut calls, QUEUE).await > 0 {
        if gathers {
            tokio::task::yield_now().await;
            while calls.len() < QUEUE
                && let Ok(call) = queue.try_recv()
            {
                calls.push(call);
            }
        }
        for (number, order) in calls.drain(..) {
            write(&mut output, number, &order).unwrap();
        }
        stream.write_all(&output).await.unwrap();
        output.clear();
    }
}

async fn receive(mut stream: OwnedReadHalf, waiting: Arc<Mutex<Waiting>>) {
    let mut input = BytesMut::with_capacity(BUFFER);
    while stream.read_buf(&mut input).await.unwrap() > 0 {
        let mut rest = &input[..];
        while let Some((number, order)) = read(&mut rest).unwrap() {
            let caller = waiting.lock().unwrap().callers.remove(&number).expect("a call has this number");
            // A caller that has gone is none of our business.
            let _ = caller.send(order);
        }
        let whole = input.len() - rest.len();
        input.advance(whole);
        input.reserve(BUFFER / 4);
    }
}
