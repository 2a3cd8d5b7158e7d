//! Requests as fast as a server takes them, so many always in flight.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use asyncapy::wire::Encoding;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::order::{Order, frame};

/// How many different requests there are; never so many in flight on one connection.
const REQUESTS: usize = 256;

/// How the requests come.
#[derive(Clone, Copy)]
pub struct Shape {
    pub connections: usize,
    pub in_flight: usize,
}

/// What came of them.
#[derive(Default)]
pub struct Outcome {
    pub requests: u64,
    pub took: Duration,
    /// From the moment a request was written to the one its reply was read, in nanoseconds.
    pub latencies: Vec<u32>,
}

/// Frames of one length, one after the other, twice: any stretch of up to [`REQUESTS`] is one slice.
struct Frames {
    bytes: Vec<u8>,
    length: usize,
}

impl Frames {
    fn new(encoding: Encoding) -> Self {
        let frames: Vec<_> = (0..REQUESTS as u64)
            .map(|number| frame(encoding, &Order::numbered(number).payload(encoding)))
            .collect();
        let length = frames[0].len();
        assert!(frames.iter().all(|frame| frame.len() == length), "all frames are of one length");
        Self { bytes: frames.concat().repeat(2), length }
    }

    fn slice(&self, first: u64, count: usize) -> &[u8] {
        let start = first as usize % REQUESTS * self.length;
        &self.bytes[start..start + count * self.length]
    }
}

/// Connections that are open, to be used round after round.
pub struct Load {
    runtime: tokio::runtime::Runtime,
    streams: Vec<TcpStream>,
    frames: &'static Frames,
    in_flight: usize,
}

impl Load {
    pub fn connect(address: SocketAddr, shape: Shape, encoding: Encoding) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let streams = runtime.block_on(async {
            let mut streams = Vec::new();
            for _ in 0..shape.connections {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                streams.push(stream);
            }
            streams
        });
        Self {
            runtime,
            streams,
            frames: Box::leak(Box::new(Frames::new(encoding))),
            in_flight: shape.in_flight,
        }
    }

    /// Sends requests for so long, and waits for the last reply.
    pub fn round(&mut self, lasting: Duration) -> Outcome {
        let (frames, in_flight) = (self.frames, self.in_flight);
        let streams = std::mem::take(&mut self.streams);
        let began = Instant::now();
        let (streams, mut outcome) = self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for mut stream in streams {
                tasks.spawn(async move {
                    let outcome = pump(&mut stream, frames, in_flight, began + lasting).await;
                    (stream, outcome)
                });
            }
            let mut streams = Vec::new();
            let mut all = Outcome::default();
            while let Some(ended) = tasks.join_next().await {
                let (stream, outcome) = ended.unwrap();
                streams.push(stream);
                all.requests += outcome.requests;
                all.latencies.extend(outcome.latencies);
            }
            (streams, all)
        });
        outcome.took = began.elapsed();
        self.streams = streams;
        outcome
    }
}

async fn pump(stream: &mut TcpStream, frames: &Frames, in_flight: usize, until: Instant) -> Outcome {
    let mut outcome = Outcome { latencies: Vec::with_capacity(1 << 18), ..Outcome::default() };
    let mut input = vec![0; 64 * 1024];
    // When requests were written, and how many.
    let mut sent = VecDeque::from([(Instant::now(), in_flight)]);
    stream.write_all(frames.slice(0, in_flight)).await.unwrap();
    let mut written = in_flight as u64;
    let mut partial = 0;
    while outcome.requests < written {
        let length = stream.read(&mut input[partial..]).await.unwrap();
        assert!(length > 0, "the server hung up");
        let replies = (partial + length) / frames.length;
        if replies == 0 {
            partial += length;
            continue;
        }
        let whole = replies * frames.length;
        assert!(input[..whole] == *frames.slice(outcome.requests, replies), "a reply is not the request");
        input.copy_within(whole..partial + length, 0);
        partial = partial + length - whole;
        outcome.requests += replies as u64;
        let now = Instant::now();
        let mut left = replies;
        while let Some((moment, count)) = sent.front_mut() {
            let taken = left.min(*count);
            let latency = now.duration_since(*moment).as_nanos().try_into().unwrap_or(u32::MAX);
            outcome.latencies.extend(std::iter::repeat_n(latency, taken));
            left -= taken;
            *count -= taken;
            if *count > 0 {
                break;
            }
            sent.pop_front();
        }
        if now < until {
            stream.write_all(frames.slice(written, replies)).await.unwrap();
            sent.push_back((now, replies));
            written += replies as u64;
        }
    }
    outcome
}
