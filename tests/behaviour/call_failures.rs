//! Every way in which a call can fail reaches its caller with its code, message, field and details: in all four shapes,
//! of functions and of methods, async and plain, in both encodings, over a socket and in memory, also within middleware.

use std::future::pending;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::middleware::{IncomingCall, Next, from_fn};
use asyncapy::rpc::{CallError, Cancelled, Peer};
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{eventually, in_time, start};
use tokio::net::TcpStream;
use tokio::task::yield_now;

/// What a function is told to do: at once, or once it has waited or an item has gone each way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Deed {
    Fail,
    FailLater,
    Panic,
    PanicLater,
    Wait,
}

/// An error with all that an error can have.
#[derive(Clone, Debug, PartialEq, Failure, Serialize, Deserialize)]
enum Broken {
    #[failure(code = "ERR_BROKEN", message = "broken in {place} places", field = "deed")]
    Badly { place: u8, of: Vec<String> },
}

fn broken() -> Broken {
    Broken::Badly { place: 7, of: vec!["glass".to_owned(), "\u{fffd}\"\n".to_owned()] }
}

impl Deed {
    async fn act(self, later: bool) -> Result<(), Broken> {
        match (self, later) {
            (Deed::Fail, false) | (Deed::FailLater, true) => Err(broken()),
            (Deed::Panic, false) | (Deed::PanicLater, true) => panic!("as asked for"),
            (Deed::Wait, _) => pending().await,
            _ => Ok(()),
        }
    }
}

type Numbers = asyncapy::rpc::Produced<Result<u32, Broken>>;

async fn once(deed: Deed, count: u32) -> Result<u32, Broken> {
    deed.act(false).await?;
    yield_now().await;
    deed.act(true).await?;
    Ok(count)
}

/// On the blocking pool.
fn blocked(deed: Deed, count: u32, cancelled: &Cancelled) -> Result<u32, Broken> {
    let runtime = tokio::runtime::Handle::current();
    runtime.block_on(async {
        tokio::select! {
            done = once(deed, count) => done,
            // It is not dropped where it waits, and must see to its end itself.
            () = cancelled.cancelled() => Ok(0),
        }
    })
}

async fn many(deed: Deed, count: u32) -> Result<Streaming<Numbers>, Broken> {
    deed.act(false).await?;
    Ok(Streaming::produce(async move |sink| {
        for number in 0..count {
            sink.send(Ok(number)).await;
        }
        if let Err(error) = deed.act(true).await {
            sink.send(Err(error)).await;
        }
    }))
}

async fn gather(mut channel: Channel<u32>, deed: Deed, count: u32) -> Result<u32, Broken> {
    deed.act(false).await?;
    let first = channel.recv().await.ok().flatten();
    deed.act(true).await?;
    Ok(count + first.unwrap_or_default())
}

async fn answer(mut channel: Channel<u32, u32>, deed: Deed, count: u32) -> Result<u32, Broken> {
    deed.act(false).await?;
    while let Ok(Some(item)) = channel.recv().await {
        // Whoever does not wait for it does not miss it either.
        let _ = channel.send(item).await;
        deed.act(true).await?;
    }
    Ok(count)
}

fn nobody(_: &Client) -> bool {
    false
}

/// The four shapes and a plain function, in a module of their own.
macro_rules! functions {
    ($module:ident, $($option:tt)*) => {
        mod $module {
            use asyncapy::prelude::*;
            use asyncapy::rpc::Cancelled;

            use super::{Broken, Deed};

            #[rpc($($option)*)]
            async fn unary(deed: Deed, count: u32) -> Result<u32, Broken> {
                super::once(deed, count).await
            }

            #[rpc($($option)*)]
            fn blocking(deed: Deed, count: u32, cancelled: Cancelled) -> Result<u32, Broken> {
                super::blocked(deed, count, &cancelled)
            }

            #[rpc($($option)*)]
            async fn server_stream(
                deed: Deed,
                count: u32,
            ) -> Result<Streaming<impl Stream<Item = Result<u32, Broken>>>, Broken> {
                super::many(deed, count).await
            }

            #[rpc($($option)*)]
            async fn client_stream(channel: Channel<u32>, deed: Deed, count: u32) -> Result<u32, Broken> {
                super::gather(channel, deed, count).await
            }

            #[rpc($($option)*)]
            async fn duplex(channel: Channel<u32, u32>, deed: Deed, count: u32) -> Result<u32, Broken> {
                super::answer(channel, deed, count).await
            }
        }
    };
}

functions!(open, group = "open");
functions!(hidden, group = "hidden", private(super::nobody));
functions!(hasty, group = "hasty", timeout = "30ms");

struct Methods;

#[service(name = "methods")]
impl Methods {
    async fn unary(&self, deed: Deed, count: u32) -> Result<u32, Broken> {
        once(deed, count).await
    }

    fn blocking(&self, deed: Deed, count: u32, cancelled: Cancelled) -> Result<u32, Broken> {
        blocked(deed, count, &cancelled)
    }

    async fn server_stream(
        &self,
        deed: Deed,
        count: u32,
    ) -> Result<Streaming<impl Stream<Item = Result<u32, Broken>>>, Broken> {
        many(deed, count).await
    }

    async fn client_stream(&self, channel: Channel<u32>, deed: Deed, count: u32) -> Result<u32, Broken> {
        gather(channel, deed, count).await
    }

    async fn duplex(&self, channel: Channel<u32, u32>, deed: Deed, count: u32) -> Result<u32, Broken> {
        answer(channel, deed, count).await
    }
}

/// What a function of each is called; a plain one beside them.
pub(crate) const SHAPES: [&str; 5] = ["unary", "blocking", "server_stream", "client_stream", "duplex"];

fn builder() -> Builder {
    Server::builder().linked_in(module_path!()).service(Methods)
}

/// A server, and connections to it of every kind, each with a name.
pub(crate) async fn connections(builder: Builder) -> (Running, Vec<(String, Peer)>) {
    let server = start(builder).await;
    let mut connections = Vec::new();
    for encoding in [Encoding::Json, Encoding::ZiProto] {
        let socket = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
        let peer = |peer: Result<Peer>| peer.unwrap();
        let over = || Peer::builder().encoding(encoding);
        connections.push((format!("{encoding:?} over a socket"), peer(over().over(socket))));
        let memory = server.handle().connect().unwrap();
        connections.push((format!("{encoding:?} in memory"), peer(over().over(memory))));
    }
    (server, connections)
}

/// Calls a function of a shape, and tells how many items came and why there were no more.
pub(crate) async fn fails(
    peer: &Peer,
    shape: &str,
    target: &str,
    arguments: &serde_json::Value,
    timeout: Option<Duration>,
) -> (u32, Status) {
    let limit = timeout.unwrap_or(Duration::from_secs(60));
    match shape {
        "unary" | "blocking" => (0, peer.call::<u32>(target, arguments).timeout(limit).await.unwrap_err()),
        "server_stream" => {
            let mut items = peer.stream::<u32>(target, arguments).timeout(limit).await.unwrap();
            let mut count = 0;
            loop {
                match items.next().await.expect("the stream fails") {
                    Ok(number) => assert_eq!(number, count),
                    Err(status) => {
                        assert!(items.next().await.is_none(), "there is nothing after an error");
                        return (count, status);
                    }
                }
                count += 1;
            }
        }
        _ => {
            let mut channel = peer.channel::<u32, u32>(target, arguments).timeout(limit).await.unwrap();
            // It may have failed by now, and says so below.
            let _ = channel.send(5).await;
            let mut count = 0;
            let status = loop {
                match channel.recv().await {
                    Ok(item) => assert_eq!(item, Some(5)),
                    Err(status) => break status,
                }
                count += 1;
            };
            // Whoever asks learns the same: what the result is, and why nothing more is taken.
            assert_eq!(channel.result::<u32>().await.unwrap_err(), status);
            assert_eq!(channel.send(6).await.unwrap_err(), status);
            (count, status)
        }
    }
}

/// A way to fail, and what its caller learns.
struct Case {
    group: &'static str,
    arguments: serde_json::Value,
    timeout: Option<Duration>,
    code: Code,
    message: Option<&'static str>,
    field: Option<&'static str>,
    /// Whether the error itself comes back.
    details: bool,
    /// Items before, of a server stream and of a duplex one.
    items: [u32; 2],
}

impl Case {
    fn new(group: &'static str, arguments: serde_json::Value, code: Code) -> Self {
        Self {
            group,
            arguments,
            timeout: None,
            code,
            message: None,
            field: None,
            details: false,
            items: [0, 0],
        }
    }

    fn of(group: &'static str, deed: Deed, code: Code) -> Self {
        Self::new(group, json!({"deed": deed, "count": 3}), code)
    }

    fn field(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    fn message(self, message: &'static str) -> Self {
        Self { message: Some(message), ..self }
    }

    fn later(self) -> Self {
        Self { items: [3, 1], ..self }
    }

    fn details(self) -> Self {
        Self { details: true, ..self }.message("broken in 7 places").field("deed")
    }

    async fn check(&self, name: &str, shape: &str, peer: &Peer) {
        let target = format!("{}.{shape}", self.group);
        let what = format!("{target} {} ({name})", self.arguments);
        let failed = fails(peer, shape, &target, &self.arguments, self.timeout);
        let (items, status) = in_time(&what, failed).await;
        assert_eq!(status.code, self.code, "{what}");
        // Both sides know the deadline, and whichever of them is first says so.
        if status.code != Code::DeadlineExceeded {
            assert_eq!(status.message.as_deref(), self.message, "{what}");
        }
        assert_eq!(status.field.as_deref(), self.field, "{what}");
        assert_eq!(status.details::<Broken>().ok(), self.details.then(broken), "{what}");
        let expected = match shape {
            "server_stream" => self.items[0],
            "duplex" => self.items[1],
            _ => 0,
        };
        assert_eq!(items, expected, "{what}");
    }
}

/// What the caller is told of a panic: nothing of its own.
const PANICKED: &str = "the function has failed unexpectedly";

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::of("hidden", Deed::Fail, Code::FunctionPrivate)
            .message("the function may not be called from here"),
        Case::of("hasty", Deed::Wait, Code::HandlerTimedOut).message("the function took too long"),
    ];
    for group in ["open", "methods"] {
        let wrong = json!({"deed": "Fail", "count": "many"});
        let both = json!({"deed": "Fail", "count": 3, "more": true});
        cases.extend([
            Case::new(group, wrong, Code::FieldInvalid)
                .field("count")
                .message("expected u32 (a whole number from 0 to 4294967295), found text"),
            Case::new(group, json!(["Fail", -1]), Code::FieldInvalid).field("count").message(
                "expected u32 (a whole number from 0 to 4294967295), found a whole number out of range",
            ),
            Case::new(group, json!({"deed": "Fail"}), Code::FieldMissing).field("count"),
            Case::new(group, json!(["Fail"]), Code::FieldMissing).field("count"),
            Case::new(group, both, Code::FieldUnknown).field("more"),
            Case::new(group, json!(["Fail", 3, 4]), Code::FieldUnknown)
                .message("3 arguments where there are 2"),
            Case::of(group, Deed::Fail, Code::custom("ERR_BROKEN")).details(),
            Case::of(group, Deed::FailLater, Code::custom("ERR_BROKEN")).details().later(),
            Case::of(group, Deed::Panic, Code::HandlerPanicked).message(PANICKED),
            Case::of(group, Deed::PanicLater, Code::HandlerPanicked).message(PANICKED).later(),
            Case {
                timeout: Some(Duration::from_millis(30)),
                ..Case::of(group, Deed::Wait, Code::DeadlineExceeded)
            },
        ]);
    }
    cases
}

#[tokio::test]
async fn every_failure_reaches_its_caller_whole() {
    every_failure_reaches_its_caller(builder()).await;
}

#[tokio::test]
async fn every_failure_passes_through_middleware_whole() {
    let pass = from_fn(async |call: IncomingCall, next: Next| next.run(call).await);
    every_failure_reaches_its_caller(builder().middleware(pass)).await;
}

async fn every_failure_reaches_its_caller(builder: Builder) {
    let (server, connections) = connections(builder).await;
    for (name, peer) in &connections {
        for case in cases() {
            for shape in SHAPES {
                case.check(name, shape, peer).await;
            }
        }
        for shape in SHAPES {
            let (_, status) = fails(peer, shape, "open.nothing", &json!([]), None).await;
            let message = "there is no function `open.nothing`";
            assert_eq!(status, Status::new(Code::FunctionUnknown).message(message), "{shape} {name}");
        }
        // The connection has survived all of that.
        assert_eq!(peer.in_flight(), 0, "{name}");
        assert!(peer.is_open(), "{name}");
    }
    eventually("no call is left", || server.handle().stats().calls == 0).await;
}

#[tokio::test]
async fn an_overloaded_server_says_so_and_has_not_begun() {
    let builder = builder().limits(|limits| {
        limits.calls_per_connection = 1;
        limits.call_queue_timeout = Duration::from_millis(1);
    });
    let (server, connections) = connections(builder).await;
    for (before, (name, peer)) in connections.iter().enumerate() {
        let busy = tokio::spawn({
            let peer = peer.clone();
            async move { peer.call::<u32>("open.unary", (Deed::Wait, 1)).await }
        });
        eventually("the call runs", || server.handle().stats().calls == before + 1).await;
        for shape in SHAPES {
            let target = format!("open.{shape}");
            let arguments = json!({"deed": "Fail", "count": 1});
            let failed = fails(peer, shape, &target, &arguments, None);
            let (_, status) = in_time("the call is turned away", failed).await;
            let message = "there is too much to do; try again later";
            assert_eq!(status, Status::new(Code::Overloaded).message(message), "{shape} {name}");
            assert!(status.was_not_run(), "{shape} {name}");
        }
        assert!(!busy.is_finished());
    }
}

/// An error type that could be read from nothing.
#[rpc]
async fn perhaps(fails: bool) -> Result<(), Option<String>> {
    if fails { Err(Some("because".to_owned())) } else { panic!("as asked for") }
}

#[tokio::test]
async fn an_error_without_details_is_not_taken_for_the_functions_own() {
    let server = start(Server::builder().register(perhaps)).await;
    let peer = server.handle().peer().unwrap();
    let own = CallError::Function(Some("because".to_owned()));
    assert_eq!(perhaps::call(&peer, true).await, Err(own));
    let panicked = CallError::Status(Status::new(Code::HandlerPanicked).message(PANICKED));
    assert_eq!(perhaps::call(&peer, false).await, Err(panicked));
}
