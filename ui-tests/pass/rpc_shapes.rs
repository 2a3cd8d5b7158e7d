#![deny(warnings, missing_docs, unused, unused_qualifications)]
//! What goes each way is decided by the types; nothing that the macro writes is found fault with.

use asyncapy::prelude::*;
use asyncapy::rpc::{Cancelled, Deadline, Function, Metadata, Peer, Shape, Status};

/// An error with a code that can be read back.
#[derive(Debug, Failure, Serialize, Deserialize)]
pub enum MathError {
    /// Nothing can be divided by zero.
    DivisionByZero,
}

/// The sum of both.
///
/// More of it.
#[rpc(group = "math", timeout = "2s", idempotent)]
pub async fn sum(a: i64, #[default] b: i64) -> i64 {
    a + b
}

/// A quotient.
#[rpc(group = "math", name = "div", private("loopback", "unix", "identity:admin", only_me))]
pub async fn divide(#[argument("from")] a: i64, #[default = 1 + 1] by: i64) -> Result<i64, MathError> {
    a.checked_div(by).ok_or(MathError::DivisionByZero)
}

fn only_me(client: &Client) -> bool {
    client.address().ip().is_none()
}

#[rpc(private)]
fn plain(r#type: Option<String>, list: Vec<(u8, String)>) -> Vec<String> {
    list.into_iter().map(|(_, text)| text).chain(r#type).collect()
}

#[rpc]
async fn nothing(_client: Client, _peer: Peer, _deadline: Deadline, _cancelled: Cancelled, _metadata: Metadata) {}

#[rpc]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(1..=to)
}

#[rpc]
async fn count_or_not(to: u32) -> Result<Streaming<impl Stream<Item = Result<u32, MathError>>>, Code> {
    Ok(Streaming::iter((1..=to).map(Ok)))
}

#[rpc]
async fn gather(mut channel: Channel<u64>) -> Result<u64, Status> {
    let mut sum = 0;
    while let Some(number) = channel.recv().await? {
        sum += number;
    }
    Ok(sum)
}

#[rpc]
async fn chat(mut channel: Channel<String, String>, greeting: String) -> Result<(), Status> {
    channel.send(greeting).await?;
    while let Some(line) = channel.recv().await? {
        channel.send(line).await?;
    }
    Ok(())
}

#[deprecated]
#[rpc]
async fn old() {}

/// What is served elsewhere.
#[rpc(group = "far", remote)]
async fn away(a: i64, tags: Vec<String>) -> Result<i64, MathError>;

fn main() {
    const SUM: Function = sum::FUNCTION;
    assert_eq!(sum::NAME, "math.sum");
    assert_eq!(SUM.doc, "The sum of both.");
    assert_eq!(SUM.parameters.iter().map(|p| (p.name, p.ty, p.required)).collect::<Vec<_>>(), [("a", "i64", true), ("b", "i64", false)]);
    assert_eq!(divide::NAME, "math.div");
    assert_eq!(away::NAME, "far.away");
    assert_eq!(plain::FUNCTION.parameters[1].ty, "Vec<(u8, String)>");
    assert_eq!([count::FUNCTION.shape, gather::FUNCTION.shape, chat::FUNCTION.shape], [Shape::ServerStream, Shape::ClientStream, Shape::Duplex]);
    assert_eq!(count_or_not::FUNCTION.returns.gives, "u32");
}

/// Nobody calls it: that it compiles is enough.
#[allow(dead_code, reason = "it is compiled alone")]
async fn calls(peer: &Peer) -> Result<(), Box<dyn std::error::Error>> {
    let _: i64 = sum::call(peer, 1, 2).await?;
    let _: i64 = divide::call(peer, 1, 2).timeout(std::time::Duration::from_secs(1)).await.unwrap();
    let _: i64 = away::call(peer, 1, vec![]).await.unwrap();
    let _: Vec<String> = plain::call(peer, None, vec![(1, String::new())]).await?;
    nothing::call(peer).await?;
    let mut items = count::call(peer, 3).await?;
    let _: Option<Result<u32, Status>> = items.next().await;
    let _: Option<Result<u32, Status>> = count_or_not::call(peer, 3).await?.next().await;
    let channel = gather::call(peer).await?;
    channel.send(5).await?;
    let _: u64 = channel.result().await?;
    let mut channel = chat::call(peer, "hi".to_owned()).await?;
    channel.send("a".to_owned()).await?;
    let _: Option<String> = channel.recv().await?;
    Ok(())
}
