//! A function that passes on what another call has said passes on all of it, whatever the encodings on the way.

use std::sync::Arc;

use asyncapy::prelude::*;
use asyncapy::rpc::middleware::{IncomingCall, Next, from_fn};
use asyncapy::rpc::{CallError, Peer};
use asyncapy_tests::start;
use tokio::net::TcpStream;

use crate::call_failures::connections;

/// An error with more in it than a code.
#[derive(Clone, Debug, PartialEq, Failure, Serialize, Deserialize)]
#[failure(code = "ERR_NO_FUNDS", message = "{missing} are missing", field = "amount")]
struct NoFunds {
    missing: u64,
    of: Vec<(String, Option<f64>)>,
}

fn no_funds() -> NoFunds {
    NoFunds { missing: u64::MAX, of: vec![("\u{fffd}\"\n".to_owned(), Some(0.1)), (String::new(), None)] }
}

#[rpc(group = "bank")]
async fn pay(details: bool) -> Result<u32, NoFunds> {
    if details { Err(no_funds()) } else { panic!("as asked for") }
}

/// Where the money is.
struct Bank(Peer);

#[rpc(group = "shop")]
async fn buys(State(bank): State<Arc<Bank>>, details: bool) -> Result<u32, Status> {
    Ok(pay::call(&bank.0, details).await?)
}

#[rpc(group = "shop")]
async fn buys_by_name(State(bank): State<Arc<Bank>>, details: bool) -> Result<u32, Status> {
    bank.0.call("bank.pay", (details,)).await
}

#[rpc(group = "shop")]
async fn buys_often(
    State(bank): State<Arc<Bank>>,
    details: bool,
) -> Streaming<impl Stream<Item = Result<u32, Status>>> {
    Streaming::produce(async move |sink| {
        sink.send(Ok(1)).await;
        sink.send(bank.0.call("bank.pay", (details,)).await).await;
    })
}

#[tokio::test]
async fn details_travel_on() {
    for layered in [false, true] {
        for encoding in [Encoding::Json, Encoding::ZiProto] {
            let bank = start(Server::builder().register(pay)).await;
            let socket = TcpStream::connect(bank.local_addr().unwrap()).await.unwrap();
            let there = Peer::builder().encoding(encoding).over(socket).unwrap();
            let shop = Server::builder().register(buys).register(buys_by_name).register(buys_often);
            let shop = match layered {
                false => shop,
                true => shop.middleware(from_fn(async |call: IncomingCall, next: Next<IncomingCall>| {
                    next.run(call).await
                })),
            };
            let (_shop, connections) = connections(shop.state(Arc::new(Bank(there)))).await;
            for (name, peer) in &connections {
                told(&format!("{encoding:?}, then {name}"), peer).await;
            }
        }
    }
}

async fn told(name: &str, peer: &Peer) {
    let all =
        Status::new(Code::custom("ERR_NO_FUNDS")).message("18446744073709551615 are missing").field("amount");
    let mut failures = Vec::new();
    for details in [true, false] {
        failures.push((details, peer.call::<u32>("shop.buys", (details,)).await.unwrap_err()));
        failures.push((details, peer.call::<u32>("shop.buys_by_name", (details,)).await.unwrap_err()));
        let mut items = peer.stream::<u32>("shop.buys_often", (details,)).await.unwrap();
        assert_eq!(items.next().await, Some(Ok(1)), "{name}");
        failures.push((details, items.next().await.unwrap().unwrap_err()));
    }
    for (details, status) in failures {
        if details {
            assert_eq!((&status, status.details().ok()), (&all, Some(no_funds())), "{name}");
        } else {
            let panicked = Status::new(Code::HandlerPanicked).message("the function has failed unexpectedly");
            assert_eq!(status, panicked, "{name}");
            assert_eq!(status.details::<Option<NoFunds>>().ok(), None, "{name}");
        }
    }
    // To a typed caller further on it is no error of the function's own that it knows, but what it is.
    let error = buys::call(peer, true).await.unwrap_err();
    let typed: CallError<NoFunds> = CallError::from(error);
    assert_eq!(typed, CallError::Function(no_funds()), "{name}");
}
