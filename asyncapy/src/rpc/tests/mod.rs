//! Two connections back to back, and functions written by hand.

mod calls;

use std::sync::Arc;
use std::time::Duration;

use super::body::Value;
use super::dial::Dial;
use super::serving::Serving;
use super::table::{Draft, Functions};
use super::*;
use crate::handler::{Address, Extract, Request};
use crate::mux::{Io, Side};
use crate::packet::derived::Probe;
use crate::rpc::connection::{Connection, Parts};
use crate::wire::{Encoding, Framing};

fn number(request: &Request<'_>, place: usize, name: &'static str) -> Result<u64, crate::Rejection> {
    argument(request, place, name, Probe::<u64>::read, Probe::<u64>::absent)
}

fn method(name: &'static str, shape: Shape, erased: Box<dyn ErasedFunction>) -> Method {
    Method::new(Function { shape, group: "test", ..Function::new(name) }, |_| {}, erased)
}

fn methods() -> Vec<Method> {
    vec![
        method(
            "sum",
            Shape::Unary,
            function(|request| {
                let (a, b) = (number(request, 0, "a")?, number(request, 1, "b")?);
                no_others(request, &["a", "b"])?;
                Ok(async move { Ok(Value(a + b)) })
            }),
        ),
        method(
            "later",
            Shape::Unary,
            function(|request| {
                let millis = number(request, 0, "millis")?;
                Ok(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    Ok(Value(millis))
                })
            }),
        ),
        method(
            "panic",
            Shape::Unary,
            function(|request| {
                let late = number(request, 0, "late")?;
                Ok(async move {
                    if late > 0 {
                        tokio::task::yield_now().await;
                    }
                    if late < 2 {
                        panic!("as asked for");
                    }
                    Ok(Value(()))
                })
            }),
        ),
        method(
            "count",
            Shape::ServerStream,
            function(|request| {
                let to = number(request, 0, "to")?;
                Ok(async move { Ok(body::Items::new(Streaming::iter(0..to).into_inner(), Ok)) })
            }),
        ),
        method(
            "total",
            Shape::ClientStream,
            function(|request| {
                let mut channel = Channel::<u64>::extract(request)?;
                Ok(async move {
                    let mut total = 0;
                    while let Ok(Some(item)) = channel.recv().await {
                        total += item;
                    }
                    Ok(Value(total))
                })
            }),
        ),
        method(
            "echo",
            Shape::Duplex,
            function(|request| {
                let mut channel = Channel::<u64, u64>::extract(request)?;
                Ok(async move {
                    while let Ok(Some(item)) = channel.recv().await {
                        if channel.send(item).await.is_err() {
                            break;
                        }
                    }
                    Ok(Value(()))
                })
            }),
        ),
        method(
            "back",
            Shape::Unary,
            function(|request| {
                let peer = Peer::extract(request)?;
                Ok(async move {
                    let sum = peer.call::<u64>("test.sum", (20, 22)).await;
                    sum.map(Value).map_err(|status| Failed::of(&status))
                })
            }),
        ),
    ]
}

fn serving(change: impl FnOnce(&mut Serving)) -> Arc<Serving> {
    let mut draft = Draft::default();
    methods().into_iter().for_each(|method| draft.method(method));
    let functions: Functions = draft.build(None).unwrap();
    let mut serving = Serving { functions, ..Serving::default() };
    change(&mut serving);
    Arc::new(serving)
}

/// A connection to a side that serves the functions, and its task.
fn connect_with(change: impl FnOnce(&mut Serving)) -> Peer {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let framing = Framing::default();
    let session = crate::handler::session::Core::new(
        Address::Unix,
        #[cfg(feature = "tls")]
        None,
        framing,
        Encoding::ZiProto,
        crate::handler::outbox::Outbox::new(1024, 1024),
        std::sync::Weak::new(),
    );
    let mut server = Connection::new(Parts {
        io: Io::Memory(far),
        core: Arc::new(session),
        framing,
        side: Side::Accepting,
        serving: serving(change),
        encoding: Encoding::ZiProto,
        timeout: Duration::from_secs(5),
        hello: None,
        input: bytes::BytesMut::new(),
    });
    tokio::spawn(async move { server.run().await });
    let dial = Dial { serving: serving(|_| {}), ..Dial::plain(framing) };
    dial.over(Io::Memory(near), Address::Unix)
}

fn connect() -> Peer {
    connect_with(|_| {})
}
