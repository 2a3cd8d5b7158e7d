//! The attribute and derive macros of asyncapy.
//!
//! They are thin: each reads what stands in the source, says what is wrong with it under the very token, and leaves
//! the work to generic functions of the library. Use them through `asyncapy`, which documents them too.

mod attribute;
mod extraction;
mod failure;
mod field;
mod handler;
mod mistakes;
mod packet;
mod rpc;
mod service;
mod signature;
mod span;
mod suggest;
mod types;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a function a handler of packets; it stays callable as it is written.
///
/// # What wakes it
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `group = -1` | groups run in ascending order, the first match of each | 0 |
/// | `order = 2` | the place among the handlers of a group, ascending | 0 |
/// | `fields(user = r"\w+", pin, "odd-name" = "x")` | exactly these fields; patterns are anchored at the start | any |
/// | `fields(user, ..)` | at least these fields | |
/// | `ip = "10.0.0.0/8"` or `ip = ["127.0.0.1", "::1"]` | the peer's address | any |
/// | `api_key(field = "key", keys = KEYS)` | the field holds a valid API key; without `keys` the server's `ApiKeys` state | any |
/// | `filter = ALLOWED` | a filter of one's own: a path or an expression | none |
/// | `timeout = "500ms"`, `"5s"`, `"2m"` or `5` (seconds) | how long it may take | the server's `handler_timeout` |
/// | `name = "login"` | what logs and mistakes call it | the function's name |
/// | `crate = path` | where the library is, when it is renamed or re-exported | `::asyncapy` |
///
/// # What it is given
///
/// Every argument's type is an extractor. `#[field]` on an argument takes one field of the packet, by the argument's
/// name or as `#[field("odd-name")]`; `Option<T>` may be missing, and so may a field with `#[field(default)]` or
/// `#[field(default = 5)]`.
///
/// A plain `fn` runs on the blocking pool.
///
/// ```text
/// #[handler(group = -1, fields(user = r"\w+", pin), timeout = "5s")]
/// async fn login(#[field] user: String, #[field] pin: u32, State(db): State<Db>) -> Result<Welcome, LoginError> {
///     db.login(&user, pin).await
/// }
/// ```
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(arguments.into(), item.into()).into()
}

/// Makes a function one that the other side of a connection can call (protocol V3); it stays callable as it is
/// written.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `group = "math"` | the full name is `math.sum` | none: the name alone |
/// | `name = "sum"` | what callers call it | the function's name |
/// | `private` or `private("loopback", "unix", "identity:admin", path::to::check)` | from where alone it can be called; `private` alone is the machine itself (loopback and UNIX sockets); a function takes a `&Client` | anywhere |
/// | `timeout = "500ms"`, `"5s"`, `"2m"` or `5` (seconds) | how long it may take | the caller's deadline |
/// | `idempotent` | it may be run twice for one call: a client repeats it when a server is lost | it may not |
/// | `doc = "The sum."` | what listings say of it | the first paragraph of its documentation |
/// | `item = u32` | the type of a stream's items, where the return type does not write it out | as written in `impl Stream<Item = u32>` |
/// | `remote` | the function runs elsewhere and has no body: there is a stub alone | it is served here |
/// | `crate = path` | where the library is, when it is renamed or re-exported | `::asyncapy` |
///
/// # What goes each way
///
/// | signature | call |
/// |---|---|
/// | `async fn sum(a: i64, b: i64) -> i64` | arguments, and a result |
/// | `.. -> Streaming<impl Stream<Item = u32>>` | arguments, and a stream of items |
/// | `async fn upload(chunks: Channel<Bytes>) -> u64` | a stream of items, and a result |
/// | `async fn chat(channel: Channel<String, String>)` | streams both ways |
///
/// A plain `fn` runs on the blocking pool.
///
/// # Arguments
///
/// An argument is sent by the caller under its name, or at its place; any type with serde's `Deserialize` will do.
/// `Option<T>` may be left out, and so may an argument with `#[default]` or `#[default = 5]`. `#[argument("odd-name")]`
/// renames it. What is missing, mistyped or unknown is an error that names the argument.
///
/// `Client`, `Session`, `State<T>`, `Peer`, `Metadata`, `Deadline`, `Cancelled` and `Channel` are extractors, and so is
/// `Typed<T>`, which takes all arguments at once; an `Option` or a `Result` of one as well. An extractor of one's own is
/// marked `#[extract]`, and an argument that has such a type's name `#[argument]`.
///
/// # Results
///
/// The value is anything with serde's `Serialize`. Of a `Result<T, E>` the error goes back too: what is `Serialize` as it
/// is, what is a `Failure` with its code, message and field.
///
/// # The stub
///
/// Beside the function there is a type of its name: `sum::NAME`, `sum::FUNCTION` (what is known of it) and `sum::call`,
/// which takes a caller (a connection's `Peer`, or a client) and the arguments that are sent. It gives a call that begins
/// when it is awaited: `T`, or a `Status`; for a `Result<T, E>` that names its error, `T` or a `CallError<E>`.
///
/// ```text
/// #[rpc(group = "math", timeout = "5s", idempotent)]
/// async fn sum(a: i64, #[default = 1] b: i64, State(log): State<Log>) -> i64 {
///     log.write(a, b);
///     a + b
/// }
///
/// let three = sum::call(&peer, 1, 2).await?;
///
/// // Somebody else's server:
/// #[rpc(group = "math", remote)]
/// async fn product(a: i64, b: i64) -> Result<i64, Overflow>;
/// ```
#[proc_macro_attribute]
pub fn rpc(arguments: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(arguments.into(), item.into()).into()
}

/// Makes the methods of a trait or of an impl functions that can be called, and writes their client.
///
/// Served is every method with `&self` but those marked `#[rpc(skip)]`; functions without `self` are left alone. What
/// `rpc` says of arguments, results and streams holds for methods too. A plain `fn` runs on the blocking pool.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = "bank"` (or `group`) | the methods' group: `bank.balance` | the trait's or type's name in snake case |
/// | `private`, `private(..)`, `timeout = "5s"` | as for `rpc`, for each method that says nothing else | |
/// | `crate = path` | where the library is, when it is renamed or re-exported | `::asyncapy` |
///
/// A method takes `#[rpc(..)]` with `name`, `private`, `timeout`, `idempotent`, `doc`, `item` and `skip`.
///
/// # On a trait
///
/// The trait is the contract that both sides share. Written out are
/// - the trait itself, whose async methods give futures that can be sent: implement them as `async fn`;
/// - `BankServer`, which serves an implementation: `.service(BankServer::new(bank))`;
/// - `BankClient`, with the trait's methods less their extractors: `BankClient::new(peer).balance(7).await`.
///
/// ```text
/// #[service]
/// pub trait Bank {
///     async fn balance(&self, id: u64) -> Result<u64, NoAccount>;
///     async fn history(&self, id: u64) -> Streaming<impl Stream<Item = Entry>>;
/// }
/// ```
///
/// # On an impl
///
/// The impl stays as it is; its type can be served, `.service(Counter::default())`, or a share in it,
/// `.service(Arc::clone(&counter))`; and `CounterClient` calls it.
///
/// ```text
/// #[service(name = "counter", timeout = "5s")]
/// impl Counter {
///     pub async fn add(&self, n: u64) -> u64 {
///         self.sum.fetch_add(n, Ordering::Relaxed) + n
///     }
///
///     #[rpc(skip)]
///     pub fn reset(&self) {
///         self.sum.store(0, Ordering::Relaxed);
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(arguments.into(), item.into()).into()
}

/// Makes a struct or an enum a typed packet: `asyncapy::packet::TypedPacket` tells how.
///
/// serde's attributes name the fields; `#[packet(crate = path)]` names the crate where it goes by another name.
#[proc_macro_derive(Packet, attributes(packet, serde))]
pub fn derive_packet(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    packet::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum or a struct a failure that reaches the client: `asyncapy::Failure` tells how.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn derive_failure(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    failure::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
