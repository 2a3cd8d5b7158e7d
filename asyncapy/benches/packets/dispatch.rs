//! A thousand handlers against one, from a packet's bytes to the typed handler called.
//!
//! In memory and without replies, so that nothing but reading, finding, decoding and calling is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::handler::filter::Fields;
use asyncapy::server::Running;
use asyncapy::wire::Encoding;
use asyncapy::{Server, Typed};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;

use crate::Effort;
use crate::figures::{compare, in_turns, thread_cpu, verdict};
use crate::order::{Order, frame};

const HANDLERS: u64 = 1_000;
const LIMIT: f64 = 1.2;
/// The one that is registered alone.
const ALONE: u64 = 500;
/// Packets that are written at once; they fit the stream's buffer.
const BATCH: u64 = 250;

static CALLED: AtomicU64 = AtomicU64::new(0);

/// How handlers are told apart.
#[derive(Clone, Copy)]
enum Shape {
    /// Each by a field of its own.
    Names,
    /// All have the same fields; one must begin with a given text.
    Literals,
    /// The same, and other fields may be there.
    Open,
}

impl Shape {
    fn filter(self, number: u64) -> Fields {
        let name = Order::numbered(number).name;
        match self {
            Shape::Names => Fields::new()
                .present("id")
                .present("name")
                .present("tags")
                .present(format!("field-{number:06}")),
            Shape::Literals => Fields::new().present("id").matching("name", &name).present("tags"),
            Shape::Open => Fields::new().matching("name", &name).open(),
        }
    }

    fn packet(self, number: u64) -> Vec<u8> {
        let mut payload = Order::numbered(number).payload(Encoding::Json);
        if let Shape::Names = self {
            payload.pop();
            payload.extend_from_slice(format!(r#","field-{number:06}":1}}"#).as_bytes());
        }
        frame(Encoding::Json, &payload)
    }
}

/// A server in memory, and a client.
struct Place<'a> {
    runtime: &'a Runtime,
    stream: DuplexStream,
    batches: Vec<Vec<u8>>,
    _running: Running,
}

impl<'a> Place<'a> {
    /// `numbers` say whose packets are sent, in turns.
    fn new(runtime: &'a Runtime, shape: Shape, handlers: &[u64], numbers: &[u64]) -> Self {
        let mut builder = Server::builder();
        for &number in handlers {
            let handler = |Typed(order): Typed<Order>| async move {
                std::hint::black_box(order);
                CALLED.fetch_add(1, Ordering::Relaxed);
            };
            builder = builder.register_fn(handler).filter(shape.filter(number));
        }
        let batches = numbers
            .chunks(BATCH as usize)
            .map(|numbers| numbers.iter().flat_map(|&number| shape.packet(number)).collect())
            .collect();
        let running = runtime.block_on(builder.build().unwrap().start_in_memory()).unwrap();
        let stream = runtime.block_on(async { running.handle().connect() }).unwrap();
        Self { runtime, stream, batches, _running: running }
    }

    /// Nanoseconds a packet.
    fn round(&mut self, packets: u64) -> f64 {
        let Self { runtime, stream, batches, .. } = self;
        let rounds = packets / (BATCH * batches.len() as u64);
        runtime.block_on(async {
            let began = thread_cpu();
            let mut called = CALLED.load(Ordering::Relaxed);
            for batch in (0..rounds).flat_map(|_| batches.iter()) {
                stream.write_all(batch).await.unwrap();
                called += BATCH;
                while CALLED.load(Ordering::Relaxed) < called {
                    tokio::task::yield_now().await;
                }
            }
            (thread_cpu() - began) as f64 / (rounds * BATCH * batches.len() as u64) as f64
        })
    }
}

pub fn run(effort: Effort) {
    println!("From bytes to the typed handler: {HANDLERS} handlers against one, ns a packet");
    println!("{:<44}{:>9}{:>9}{:>7}", "", "1,000", "one", "ratio");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let packets = effort.round.as_millis() as u64 * 400;
    let all: Vec<u64> = (0..HANDLERS).collect();
    // A step that is prime to the number of handlers: each is called in turn, in no order that helps a cache.
    let spread: Vec<u64> = (0..HANDLERS).map(|number| number * 387 % HANDLERS).collect();
    let same = vec![ALONE; HANDLERS as usize];
    for (name, shape) in [
        ("distinct field names", Shape::Names),
        ("one set of fields, literal patterns", Shape::Literals),
        ("open fields, literal patterns", Shape::Open),
    ] {
        for (which, numbers) in [("one is called", &same), ("all are called", &spread)] {
            let mut many = Place::new(&runtime, shape, &all, numbers);
            let mut one = Place::new(&runtime, shape, &[ALONE], &same);
            many.round(packets);
            one.round(packets);
            let pairs = in_turns(effort.rounds, || many.round(packets), || one.round(packets));
            let (many, one, ratio) = compare(&pairs);
            let verdict = verdict(ratio <= LIMIT);
            println!("{:<44}{many:>9.0}{one:>9.0}{ratio:>7.2}  {verdict}", format!("{name}; {which}"));
        }
    }
    println!("target: <= {LIMIT:.2}\n");
}
