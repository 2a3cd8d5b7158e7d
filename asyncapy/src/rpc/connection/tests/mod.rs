//! Connections that are polled by hand, so that all of their state can be looked at between two frames.

mod ends;
mod model;
mod rules;
mod turns;
mod windows;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::ser::{Serialize, SerializeTuple, Serializer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use super::{Connection, End, Parts};
use crate::error::Code;
use crate::handler::{Address, Extract};
use crate::mux::{Io, Side, Timer};
use crate::packet::derived::Probe;
use crate::rpc::body::{Items, Value};
use crate::rpc::serving::Serving;
use crate::rpc::table::Draft;
use crate::rpc::{
    Channel, ErasedFunction, Failed, Function, Method, Peer, Shape, Status, Streaming, function,
};
use crate::wire::v3::{Fields, Flags, Frame, FrameKind, ItemHeader, OpenHeader};
use crate::wire::{EncodeError, Encoding, Framing};

/// A call of `ctl` or `wait`, in the hands of the test: it ends with what is sent here.
pub(super) struct Job {
    /// None for `wait`, which has none.
    pub(super) channel: Option<Channel<Bytes, Bytes>>,
    pub(super) answer: oneshot::Sender<Answered>,
}

/// How a test ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Value(u64),
    Failure,
    Panic,
}

pub(super) type Jobs = mpsc::UnboundedReceiver<Job>;

fn method(name: &'static str, shape: Shape, erased: Box<dyn ErasedFunction>) -> Method {
    Method::new(Function { shape, group: "", ..Function::new(name) }, |_| {}, erased)
}

async fn answer(told: oneshot::Receiver<Answered>) -> Result<Value<u64>, Failed> {
    match told.await {
        Ok(Answered::Value(value)) => Ok(Value(value)),
        Ok(Answered::Panic) => panic!("as asked for"),
        Ok(Answered::Failure) | Err(_) => Err(Failed::of(&Status::new(Code::HandlerFailed))),
    }
}

/// An item that may panic when half of it is written.
struct Fragile {
    whole: bool,
}

impl Serialize for Fragile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&1)?;
        assert!(self.whole, "as asked for");
        pair.serialize_element(&2)?;
        pair.end()
    }
}

/// Functions that do as the test says, and some that go by themselves.
pub(super) fn serving(change: impl FnOnce(&mut Serving)) -> (Arc<Serving>, Jobs) {
    let (tell, jobs) = mpsc::unbounded_channel();
    let mut draft = Draft::default();
    let told = tell.clone();
    draft.method(method(
        "ctl",
        Shape::Duplex,
        function(move |request| {
            let channel = Channel::<Bytes, Bytes>::extract(request)?;
            let (answer_by, asked) = oneshot::channel();
            // A test that looks away has let go of the receiver.
            let _ = told.send(Job { channel: Some(channel), answer: answer_by });
            Ok(answer(asked))
        }),
    ));
    draft.method(method(
        "wait",
        Shape::Unary,
        function(move |_| {
            let (answer_by, asked) = oneshot::channel();
            let _ = tell.send(Job { channel: None, answer: answer_by });
            Ok(answer(asked))
        }),
    ));
    draft.method(method(
        "picky",
        Shape::Duplex,
        function(|request| {
            // Nothing is named so.
            crate::rpc::argument(request, 0, "a", Probe::<u64>::read, Probe::<u64>::absent)?;
            let channel = Channel::<Bytes, Bytes>::extract(request)?;
            Ok(async move {
                drop(channel);
                Ok(Value(1u64))
            })
        }),
    ));
    draft.method(method("one", Shape::Unary, function(|_| Ok(async { Ok(Value(1u64)) }))));
    draft.method(method(
        "late",
        Shape::Unary,
        function(|_| {
            Ok(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(Value(1u64))
            })
        }),
    ));
    draft.method(method(
        "big",
        Shape::Unary,
        function(|_| Ok(async { Ok(Value(Bytes::from(vec![7; 900 * 1024]))) })),
    ));
    draft.method(method(
        "zeros",
        Shape::ServerStream,
        function(|_| {
            let zeros = std::iter::repeat_with(|| Bytes::from_static(&[0; 8192]));
            Ok(async move { Ok(Items::new(Streaming::iter(zeros).into_inner(), Ok)) })
        }),
    ));
    draft.method(method(
        "trips",
        Shape::ServerStream,
        function(|_| {
            let items = (0..4).map(|n| {
                assert!(n < 3, "as asked for");
                Bytes::from_static(&[0; 8192])
            });
            Ok(async move { Ok(Items::new(Streaming::iter(items).into_inner(), Ok)) })
        }),
    ));
    draft.method(method(
        "halves",
        Shape::ServerStream,
        function(|_| {
            let items = (0..4).map(|n| Fragile { whole: n < 3 });
            Ok(async move { Ok(Items::new(Streaming::iter(items).into_inner(), Ok)) })
        }),
    ));
    draft.method(method(
        "spins",
        Shape::Unary,
        function(|_| {
            Ok(std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::<Result<Value<u64>, Failed>>::Pending
            }))
        }),
    ));
    let mut serving = Serving { functions: draft.build(None).unwrap(), ..Serving::default() };
    change(&mut serving);
    (Arc::new(serving), jobs)
}

pub(super) fn connection(io: DuplexStream, side: Side, serving: Arc<Serving>) -> Connection {
    let framing = Framing::default();
    let core = crate::handler::session::Core::new(
        Address::Unix,
        #[cfg(feature = "tls")]
        None,
        framing,
        Encoding::ZiProto,
        crate::handler::outbox::Outbox::new(1024, 1024),
        std::sync::Weak::new(),
    );
    Connection::new(Parts {
        io: Io::Memory(io),
        core: Arc::new(core),
        framing,
        side,
        serving,
        encoding: Encoding::ZiProto,
        timeout: Duration::from_secs(60),
        hello: None,
        input: BytesMut::new(),
    })
}

/// Whether somebody was woken.
#[derive(Default)]
pub(super) struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A connection and what polls it.
pub(super) struct Driven {
    pub(super) connection: Connection,
    sleep: Pin<Box<Sleep>>,
    flag: Arc<Flag>,
    pub(super) end: Option<End>,
}

impl Driven {
    pub(super) fn new(connection: Connection) -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(connection.deadline()));
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        Self { connection, sleep, flag, end: None }
    }

    /// Polls it if it was woken; tells whether it was.
    fn step(&mut self) -> bool {
        if self.end.is_some() || !self.flag.0.swap(false, Ordering::AcqRel) {
            return false;
        }
        let waker = Waker::from(self.flag.clone());
        let polled =
            self.connection.poll(&mut Context::from_waker(&waker), &mut Timer::new(self.sleep.as_mut()));
        if let Poll::Ready(end) = polled {
            self.connection.let_go_of_all();
            let connection = &mut self.connection;
            connection.mux.with(|state, woken| {
                state.drain_into(&mut connection.output);
                state.over(&Code::Unavailable, "the connection is closed", woken);
            });
            self.end = Some(end);
        }
        true
    }

    /// Nothing is left of any stream.
    pub(super) fn assert_empty(&self) {
        let connection = &self.connection;
        assert_eq!(connection.running.len(), 0, "calls that run");
        assert!(connection.places.is_empty(), "places of calls: {:?}", connection.places);
        assert!(connection.queue.is_empty(), "calls that wait");
        connection.mux.lock().assert_empty();
    }
}

/// Polls connections until none of them has anything to do, time not being counted.
pub(super) async fn settle(all: &mut [&mut Driven]) {
    tokio::task::unconstrained(async {
        for _ in 0..100_000 {
            let mut busy = false;
            for driven in all.iter_mut() {
                busy |= driven.step();
            }
            if !busy {
                return;
            }
        }
        panic!("the connections do not come to rest");
    })
    .await;
}

/// Polls a future once.
pub(super) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A connection that serves, and the bare other side of it.
pub(super) struct Far {
    pub(super) driven: Driven,
    pub(super) jobs: Jobs,
    io: DuplexStream,
    input: BytesMut,
    out: BytesMut,
    framing: Framing,
    _owner: Peer,
}

impl Far {
    pub(super) fn new(change: impl FnOnce(&mut Serving)) -> Self {
        Self::with_pipe(64 << 20, change)
    }

    /// With so many bytes between the two.
    pub(super) fn with_pipe(bytes: usize, change: impl FnOnce(&mut Serving)) -> Self {
        let (near, far) = tokio::io::duplex(bytes);
        let (serving, jobs) = serving(change);
        let connection = connection(far, Side::Accepting, serving);
        let _owner = connection.owner();
        let driven = Driven::new(connection);
        let (input, out) = (BytesMut::new(), BytesMut::new());
        Self { driven, jobs, io: near, input, out, framing: Framing::default(), _owner }
    }

    pub(super) fn open(&mut self, id: u32, name: &str, flags: Flags) {
        let open = OpenHeader {
            stream: id,
            encoding: Some(Encoding::Json),
            flags,
            name: Some(name),
            ..OpenHeader::default()
        };
        self.framing.encode_open(&mut self.out, &open, |_| Ok::<_, EncodeError>(())).unwrap();
    }

    pub(super) fn item(&mut self, id: u32, payload: &[u8], flags: Flags) {
        let item = ItemHeader { stream: id, flags, ..ItemHeader::default() };
        let write = |out: &mut BytesMut| {
            out.extend_from_slice(payload);
            Ok::<_, EncodeError>(())
        };
        self.framing.encode_item(&mut self.out, &item, write).unwrap();
    }

    pub(super) fn bare(&mut self, kind: FrameKind, flags: Flags, id: u32, payload: &[u8]) {
        let start = self.framing.begin_v3(&mut self.out, kind, flags, Some(Encoding::Json), id);
        self.out.extend_from_slice(payload);
        self.framing.finish_v3(&mut self.out, start).unwrap();
    }

    pub(super) fn cancel(&mut self, id: u32) {
        self.framing.encode_cancel(&mut self.out, id);
    }

    pub(super) fn credit(&mut self, id: u32, items: u32, bytes: u32) {
        self.framing.encode_credit(&mut self.out, id, items, bytes);
    }

    /// Sends what was written and gives the connection its turn.
    pub(super) async fn settle(&mut self) {
        tokio::task::unconstrained(self.io.write_all(&self.out.split())).await.unwrap();
        settle(&mut [&mut self.driven]).await;
    }

    /// What has come back, all of it.
    pub(super) async fn frames(&mut self) -> Vec<(Frame, Vec<u8>)> {
        self.settle().await;
        tokio::task::unconstrained(async {
            loop {
                self.input.reserve(1 << 20);
                let mut read = std::pin::pin!(self.io.read_buf(&mut self.input));
                match poll_once(read.as_mut()) {
                    Poll::Ready(Ok(1..)) => {}
                    _ => break,
                }
            }
        })
        .await;
        if self.driven.end.is_some() {
            self.input.extend_from_slice(&self.driven.connection.output.split());
        }
        let mut frames = Vec::new();
        while let Ok(Ok(frame)) = self.framing.decode_v3(&self.input) {
            let payload = self.input[frame.payload.clone()].to_vec();
            let _ = self.input.split_to(frame.end);
            frames.push((frame, payload));
        }
        frames
    }

    /// The codes of the errors that have come back, by stream; 0 for a GOAWAY.
    pub(super) async fn errors(&mut self) -> Vec<(u32, String)> {
        let frames = self.frames().await;
        let told = frames.iter().filter(|(frame, _)| {
            frame.kind == FrameKind::Error || (frame.kind == FrameKind::GoAway && frame.stream == 0)
        });
        told.map(|(frame, payload)| {
            let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
            (frame.stream, value["error"].as_str().unwrap_or("").to_owned())
        })
        .collect()
    }

    /// The connection must have ended, and have told this code.
    pub(super) async fn expect_end(&mut self, code: Code) {
        let errors = self.errors().await;
        assert_eq!(errors.last(), Some(&(0, code.as_str().to_owned())), "{:?}", self.driven.end);
        assert!(matches!(&self.driven.end, Some(End::Protocol(told)) if *told == code));
        self.driven.assert_empty();
    }

    /// The connection must be at work: a call is answered.
    pub(super) async fn expect_life(&mut self, id: u32) {
        self.open(id, "one", Flags::END);
        let frames = self.frames().await;
        assert!(self.driven.end.is_none(), "{:?}", self.driven.end);
        let answer = frames.iter().find(|(frame, _)| frame.stream == id).expect("an answer");
        assert_eq!((answer.0.kind, &answer.1[..]), (FrameKind::Item, &b"1"[..]));
    }
}
