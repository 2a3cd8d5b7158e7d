//! What `#[rpc]` and `#[service]` write: arguments by name and by position, defaults, extractors, all four shapes, and
//! errors that come back as they were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::Code;
use asyncapy::prelude::*;
use asyncapy::rpc::{CallError, Cancelled, Deadline, Metadata, Peer, Status};
use asyncapy::server::Running;
use asyncapy_tests::eventually;
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Failure, Serialize, Deserialize)]
enum MathError {
    #[failure(code = "ERR_DIVISION", message = "{a} cannot be divided", field = "by")]
    Division { a: i64 },
}

/// An error that serde can write and people can read, and that has no code.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Refused {
    because: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused because {}", self.because)
    }
}

/// An error that has a code, and that serde cannot write.
#[derive(Debug, Failure)]
#[failure(code = "ERR_CODED", message = "with a code")]
struct Coded;

#[rpc(group = "math")]
async fn sub(a: i64, b: i64) -> i64 {
    a - b
}

#[rpc(group = "math", name = "div")]
async fn divide(#[argument("from")] a: i64, #[default = 1 + 1] by: i64) -> Result<i64, MathError> {
    a.checked_div(by).ok_or(MathError::Division { a })
}

#[rpc]
fn maybe(text: Option<String>, #[default] count: u32, r#type: bool) -> (Option<String>, u32, bool, bool) {
    let on_the_pool = std::thread::current().name().is_some_and(|name| name.contains("tokio"));
    (text, count, r#type, on_the_pool)
}

#[rpc]
async fn taken(
    State(base): State<Arc<AtomicU64>>,
    more: u64,
    session: Session,
    metadata: Metadata,
    deadline: Deadline,
    cancelled: Cancelled,
) -> (u64, bool, String, bool, bool) {
    let sum = base.fetch_add(more, Ordering::Relaxed) + more;
    let who = metadata.get("who").and_then(|who| who.as_text()).unwrap_or_default().to_owned();
    (sum, session.is_open(), who, deadline.left().is_some(), cancelled.is_cancelled())
}

#[rpc]
async fn nothing() {}

#[rpc]
async fn refuse(because: String) -> Result<(), Refused> {
    Err(Refused { because })
}

#[rpc]
async fn coded() -> Result<u32, Coded> {
    Err(Coded)
}

#[rpc]
async fn in_one(Typed(order): Typed<Order>) -> u32 {
    order.pieces * order.price
}

#[derive(Packet, Serialize)]
struct Order {
    pieces: u32,
    price: u32,
}

#[rpc]
async fn count(to: u32) -> Result<Streaming<impl Stream<Item = Result<u32, MathError>>>, Code> {
    if to == 0 {
        return Err(Code::Unauthorized);
    }
    let last = std::iter::once(Err(MathError::Division { a: i64::from(to) }));
    Ok(Streaming::iter((1..=to).map(Ok).chain(last)))
}

#[rpc]
async fn add_up(mut channel: Channel<u64>, start: u64) -> Result<u64, Status> {
    let mut sum = start;
    while let Some(number) = channel.recv().await? {
        sum += number;
    }
    Ok(sum)
}

#[rpc]
async fn shout(mut channel: Channel<String, String>) -> Result<(), Status> {
    while let Some(line) = channel.recv().await? {
        channel.send(line.to_uppercase()).await?;
    }
    Ok(())
}

/// The same function as `math.sub`, as somebody declares it who has not its code.
mod elsewhere {
    use asyncapy::prelude::*;

    #[rpc(group = "math", remote)]
    pub(super) async fn sub(a: i64, b: i64) -> i64;
}

async fn serve() -> (Running, Peer) {
    let server = Server::builder()
        .register(sub)
        .register(divide)
        .register(maybe)
        .register(taken)
        .register(nothing)
        .register(refuse)
        .register(coded)
        .register(in_one)
        .register(count)
        .register(add_up)
        .register(shout)
        .service(BankServer::new(Small { accounts: vec![10, 20] }))
        .service(Counter::default())
        .state(Arc::new(AtomicU64::new(100)))
        .build()
        .unwrap();
    let running = server.start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap();
    (running, peer)
}

#[tokio::test]
async fn arguments_come_by_name_and_by_position() {
    let (_server, peer) = serve().await;
    assert_eq!(sub::call(&peer, 5, 3).await.unwrap(), 2);
    assert_eq!(elsewhere::sub::call(&peer, 5, 3).await.unwrap(), 2);
    assert_eq!(peer.call::<i64>("math.sub", (5, 3)).await.unwrap(), 2);
    assert_eq!(peer.call::<i64>("math.sub", json!({"b": 3, "a": 5})).await.unwrap(), 2);
    assert_eq!(sub(5, 3).await, 2);
    nothing::call(&peer).await.unwrap();
    assert_eq!(in_one::call(&peer, Order { pieces: 3, price: 7 }).await.unwrap(), 21);
}

#[tokio::test]
async fn what_may_be_left_out_has_a_default() {
    let (_server, peer) = serve().await;
    type Maybe = (Option<String>, u32, bool, bool);
    let given: Maybe = peer.call("maybe", json!({"type": true})).await.unwrap();
    assert_eq!(given, (None, 0, true, true));
    let text = Some("a".to_owned());
    assert_eq!(maybe::call(&peer, text.clone(), 2, false).await.unwrap(), (text, 2, false, true));
    assert_eq!(peer.call::<i64>("math.div", json!({"from": 9})).await.unwrap(), 4);
    assert_eq!(peer.call::<i64>("math.div", (9,)).await.unwrap(), 4);
}

#[tokio::test]
async fn a_mismatch_names_the_argument() {
    let (_server, peer) = serve().await;
    let cases = [
        ("math.sub", json!({"a": 1}), Code::FieldMissing, Some("b")),
        ("math.sub", json!([1]), Code::FieldMissing, Some("b")),
        ("math.sub", json!({"a": "x", "b": 1}), Code::FieldInvalid, Some("a")),
        ("math.sub", json!({"a": 1, "b": 1, "c": 1}), Code::FieldUnknown, Some("c")),
        ("math.sub", json!([1, 2, 3]), Code::FieldUnknown, None),
        ("math.div", json!({"a": 1}), Code::FieldMissing, Some("from")),
        ("maybe", json!({}), Code::FieldMissing, Some("type")),
    ];
    for (target, arguments, code, field) in cases {
        let status = peer.call::<i64>(target, &arguments).await.unwrap_err();
        assert_eq!((&status.code, status.field.as_deref()), (&code, field), "{target} {arguments}");
    }
}

#[tokio::test]
async fn extractors_take_what_the_caller_does_not_send() {
    let (_server, peer) = serve().await;
    let taken = taken::call(&peer, 5).metadata("who", "me").await.unwrap();
    assert_eq!(taken, (105, true, "me".to_owned(), true, false));
    let status = peer.call::<i64>("taken", json!({"more": 1, "session": 5})).await.unwrap_err();
    assert_eq!(status.code, Code::FieldUnknown);
}

#[tokio::test]
async fn errors_come_back_as_they_were() {
    let (_server, peer) = serve().await;
    let error = divide::call(&peer, 7, 0).await.unwrap_err();
    assert_eq!(error, CallError::Function(MathError::Division { a: 7 }));
    let status = peer.call::<i64>("math.div", (7, 0)).await.unwrap_err();
    assert_eq!(status.code, Code::custom("ERR_DIVISION"));
    assert_eq!(status.message.as_deref(), Some("7 cannot be divided"));
    assert_eq!(status.field.as_deref(), Some("by"));
    assert_eq!(status.details::<MathError>().unwrap(), MathError::Division { a: 7 });

    let refused = Refused { because: "no".to_owned() };
    assert_eq!(refuse::call(&peer, "no".to_owned()).await.unwrap_err().function(), Some(refused));
    let status = peer.call::<()>("refuse", ("no",)).await.unwrap_err();
    assert_eq!(status.code, Code::HandlerFailed);
    assert_eq!(status.message.as_deref(), Some("refused because no"));

    let status = peer.call::<u32>("coded", ()).await.unwrap_err();
    assert_eq!(status.code, Code::custom("ERR_CODED"));
    assert_eq!(status.message.as_deref(), Some("with a code"));
}

#[tokio::test]
async fn a_stream_gives_items_and_then_its_error() {
    let (_server, peer) = serve().await;
    let mut items = count::call(&peer, 2).await.unwrap();
    assert_eq!(items.next().await, Some(Ok(1)));
    assert_eq!(items.next().await, Some(Ok(2)));
    let status = items.next().await.unwrap().unwrap_err();
    assert_eq!(status.details::<MathError>().unwrap(), MathError::Division { a: 2 });
    assert_eq!(items.next().await, None);

    let mut items = count::call(&peer, 0).await.unwrap();
    assert_eq!(items.next().await.unwrap().unwrap_err().code, Code::Unauthorized);
}

#[tokio::test]
async fn channels_go_one_way_or_both() {
    let (_server, peer) = serve().await;
    let channel = add_up::call(&peer, 100).await.unwrap();
    for number in 1..=3 {
        channel.send(number).await.unwrap();
    }
    channel.finish();
    assert_eq!(channel.result::<u64>().await.unwrap(), 106);

    let mut channel = shout::call(&peer).await.unwrap();
    channel.send("a".to_owned()).await.unwrap();
    assert_eq!(channel.recv().await.unwrap().as_deref(), Some("A"));
    channel.finish();
    assert_eq!(channel.recv().await.unwrap(), None);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct NoAccount(usize);

/// A bank, as both sides know it.
#[service]
trait Bank {
    async fn balance(&self, id: usize) -> Result<u64, NoAccount>;

    #[rpc(name = "sum")]
    fn total(&self, #[default = 1] factor: u64) -> u64;

    async fn accounts(&self, from: usize) -> Result<Streaming<impl Stream<Item = u64>>, NoAccount>;

    async fn deposit(&self, mut channel: Channel<u64>) -> Result<u64, Status> {
        let mut sum = self.total(1);
        while let Some(amount) = channel.recv().await? {
            sum += amount;
        }
        Ok(sum)
    }

    #[rpc(skip)]
    fn skipped(&self) {}
}

struct Small {
    accounts: Vec<u64>,
}

impl Bank for Small {
    async fn balance(&self, id: usize) -> Result<u64, NoAccount> {
        self.accounts.get(id).copied().ok_or(NoAccount(id))
    }

    fn total(&self, factor: u64) -> u64 {
        self.accounts.iter().sum::<u64>() * factor
    }

    async fn accounts(&self, from: usize) -> Result<Streaming<impl Stream<Item = u64>>, NoAccount> {
        let accounts = self.accounts.get(from..).ok_or(NoAccount(from))?;
        Ok(Streaming::iter(accounts.iter().copied()))
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

#[service(name = "count-er")]
impl Counter {
    async fn add(&self, n: u64, client: Client) -> u64 {
        drop(client);
        self.0.fetch_add(n, Ordering::Relaxed) + n
    }
}

#[tokio::test]
async fn a_trait_is_a_service_with_a_client() {
    let (_server, peer) = serve().await;
    let bank = BankClient::new(peer.clone());
    assert_eq!(bank.balance(1).await.unwrap(), 20);
    assert_eq!(bank.balance(7).await.unwrap_err(), CallError::Function(NoAccount(7)));
    assert_eq!(bank.total(2).await.unwrap(), 60);
    assert_eq!(peer.call::<u64>("bank.sum", ()).await.unwrap(), 30);

    let mut accounts = bank.accounts(0).await.unwrap();
    assert_eq!(accounts.next().await, Some(Ok(10)));
    assert_eq!(accounts.next().await, Some(Ok(20)));
    assert_eq!(accounts.next().await, None);
    let status = bank.accounts(9).await.unwrap().next().await.unwrap().unwrap_err();
    assert_eq!(status.details::<NoAccount>().unwrap(), NoAccount(9));

    let channel = bank.deposit().await.unwrap();
    channel.send(5).await.unwrap();
    channel.finish();
    assert_eq!(channel.result::<u64>().await.unwrap(), 35);

    Small { accounts: Vec::new() }.skipped();
    let status = peer.call::<()>("bank.skipped", ()).await.unwrap_err();
    assert_eq!(status.code, Code::FunctionUnknown);
}

#[tokio::test]
async fn an_impl_is_a_service_with_state() {
    let (_server, peer) = serve().await;
    let counter = CounterClient::new(peer.clone());
    assert_eq!(counter.add(2).await.unwrap(), 2);
    assert_eq!(counter.add(3).await.unwrap(), 5);
    assert_eq!(peer.call::<u64>("count-er.add", (1,)).await.unwrap(), 6);
}

/// The largest window of a stream, in items.
const AHEAD: u64 = 2_048;

/// Counts the numbers that it has made, and the streams that it makes them for.
#[derive(Default)]
struct Numbers {
    made: AtomicU64,
    streams: AtomicU64,
}

struct Counted<'a>(&'a Numbers);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[service]
impl Numbers {
    async fn all(&self) -> Streaming<impl Stream<Item = u64>> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(self);
        Streaming::iter((0..).inspect(move |_| {
            counted.0.made.fetch_add(1, Ordering::Relaxed);
        }))
    }
}

#[tokio::test]
async fn a_methods_stream_borrows_its_service_waits_for_its_caller_and_ends_with_it() {
    let numbers = Arc::<Numbers>::default();
    let server = Server::builder().service(numbers.clone()).build().unwrap();
    let server = server.start_in_memory().await.unwrap();
    let peer = server.handle().peer().unwrap();
    let mut items = NumbersClient::new(&peer).all().await.unwrap();
    for expected in 0..1_000 {
        assert_eq!(items.next().await, Some(Ok(expected)));
    }
    // Other calls have their turn, and the stream has made no more than it may be ahead.
    for _ in 0..100 {
        peer.call::<serde_json::Value>(asyncapy::rpc::FUNCTIONS, ()).await.unwrap();
    }
    let made = numbers.made.load(Ordering::Relaxed);
    assert!((1_000..=1_000 + AHEAD).contains(&made), "{made}");
    drop(items);
    eventually("the stream is dropped", || numbers.streams.load(Ordering::Relaxed) == 0).await;
    // The program has its share all the while.
    drop(numbers.all().await);
    assert_eq!(numbers.streams.load(Ordering::Relaxed), 0);
}
