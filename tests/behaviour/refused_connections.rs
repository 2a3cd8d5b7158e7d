//! A client of streams that is not let in reads why, whatever the reason: a server says so in a packet of protocol V2,
//! since it has read nothing and cannot know who comes.

use std::time::Duration;

use asyncapy::client::{Backoff, RpcClient};
use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};
use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};
use asyncapy::server::Running;
use asyncapy::server::guard::{self, AddressList, ConnectionLimit, Refusal};
use asyncapy_tests::{Raw, at_rest, echo, eventually, in_time, start};
use tokio::net::{TcpListener, TcpStream};

use crate::connection_guard::undecided;
use crate::pool_calls::place;

/// A connection to the server, of which nothing is read yet.
async fn peer(server: &Running) -> Peer {
    Peer::over(TcpStream::connect(server.local_addr().unwrap()).await.unwrap())
}

/// What each way of using a connection that is refused fails with.
async fn why(peer: &Peer) -> Status {
    let why = in_time("the call", peer.call::<()>("any", ())).await.unwrap_err();
    assert!(why.was_not_run() && !peer.is_open(), "{why}");
    // Later calls hear the same, and streams too.
    assert_eq!(in_time("another call", peer.call::<()>("any", ())).await.unwrap_err(), why);
    assert_eq!(in_time("a stream", peer.stream::<()>("any", ())).await.err().as_ref(), Some(&why));
    assert_eq!(in_time("a channel", peer.channel::<(), ()>("any", ())).await.err().as_ref(), Some(&why));
    why
}

/// An error's text, whose quotation of what it was told is none.
fn unquoted(error: &asyncapy::Error) -> String {
    error.to_string().replace("\\\"", "\"")
}

/// Whoever comes to the server is refused so.
async fn refuses(server: &Running, code: &str, message: Option<&str>) {
    let why = why(&peer(server).await).await;
    assert_eq!((why.code.as_str(), why.message.as_deref()), (code, message));
    // Those who wait for a connection that was refused, before it was.
    let many = peer(server).await;
    let calls: Vec<_> = (0..10)
        .map(|_| {
            tokio::spawn({
                let peer = many.clone();
                async move { peer.call::<()>("any", ()).await }
            })
        })
        .collect();
    for call in calls {
        assert_eq!(in_time("a call", call).await.unwrap().unwrap_err(), why);
    }

    let place = place(server);
    let problem = asyncapy::Error::from(why.clone()).to_string();
    let told = format!("tcp://{place}: {problem}");
    let error = in_time("connecting", RpcClient::connect([&place])).await.unwrap_err();
    let error = unquoted(&error);
    assert!(error.contains("no server can be reached") && error.contains(&told), "{error}");
    let client = RpcClient::builder().server(&place).wait(Duration::ZERO).start().await.unwrap();
    eventually("it was refused", || client.servers()[0].problem.is_some()).await;
    // It is what the log says, too.
    assert_eq!(client.servers()[0].problem.as_ref(), Some(&problem));
    for error in [client.call::<()>("any", ()).await.unwrap_err(), client.session().await.unwrap_err()] {
        assert!(error.was_not_run() && error.code == Code::Unavailable, "{error}");
        assert!(error.to_string().contains(&problem), "{error}");
    }
    let call = client.call::<()>("any", ()).await.unwrap_err().to_string();
    assert!(call.contains(&told), "{call}");
}

/// Somebody who is in.
async fn inside(server: &Running) -> Raw {
    let mut first = Raw::connect(server).await;
    first.ask(r#"{"a": 1}"#).await;
    first
}

#[tokio::test]
async fn by_the_limits_of_the_server() {
    let server = start(echo().limits(|limits| limits.connections = 1)).await;
    let first = inside(&server).await;
    refuses(&server, "ERR_TOO_MANY_CONNECTIONS", None).await;
    drop(first);
    let handle = server.handle();
    at_rest(&handle).await;
    // It is let in when there is room.
    let unknown = in_time("the call", peer(&server).await.call::<()>("any", ())).await.unwrap_err();
    assert_eq!(unknown.code, Code::FunctionUnknown);

    let server = start(echo().limits(|limits| limits.connections_per_address = 1)).await;
    let _first = inside(&server).await;
    refuses(&server, "ERR_TOO_MANY_CONNECTIONS", None).await;

    let server = start(echo().session_limit(1)).await;
    let _first = inside(&server).await;
    refuses(&server, "ERR_SESSION_LIMIT_REACHED", None).await;
}

#[tokio::test]
async fn by_guards() {
    let server = start(echo().connection_guard(ConnectionLimit::new(1))).await;
    let _first = inside(&server).await;
    refuses(&server, "ERR_TOO_MANY_CONNECTIONS", None).await;

    let blocking = AddressList::blocking(["127.0.0.0/8"]).unwrap();
    let server = start(echo().connection_guard(blocking)).await;
    refuses(&server, "ERR_UNAUTHORIZED", None).await;

    let invited = guard::from_fn(async |_| {
        Err(Refusal::new(Code::custom("ERR_NOT_INVITED")).message("ask the host, später"))
    });
    let server = start(echo().connection_guard(invited)).await;
    refuses(&server, "ERR_NOT_INVITED", Some("ask the host, später")).await;

    let server = start(echo().connection_guard(guard::from_fn(async |_| panic!("its own fault")))).await;
    refuses(&server, "ERR_HANDLER_FAILED", None).await;
}

#[tokio::test]
async fn by_a_hook() {
    let builder =
        echo().on_connect(async |_| Err(Refusal::new(Code::custom("ERR_CLOSED")).message("at night")));
    refuses(&start(builder).await, "ERR_CLOSED", Some("at night")).await;
}

#[tokio::test]
async fn in_any_framing() {
    let order = asyncapy::wire::ByteOrder::Little;
    let builder = echo()
        .header_size(2)
        .byte_order(order)
        .connection_guard(AddressList::blocking(["::/0", "0.0.0.0/0"]).unwrap());
    let server = start(builder).await;
    let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let peer = Peer::builder().header_size(2).byte_order(order).over(stream).unwrap();
    assert_eq!(why(&peer).await.code, Code::Unauthorized);
}

#[tokio::test]
async fn by_a_server_that_stops() {
    let (guard, asked) = undecided();
    let server = start(echo().connection_guard(guard)).await;
    let peer = peer(&server).await;
    let waiting = tokio::spawn({
        let peer = peer.clone();
        async move { peer.call::<()>("any", ()).await }
    });
    asked.acquire().await.unwrap().forget();
    in_time("the stop", server.shutdown()).await.unwrap();
    let refused = in_time("the call", waiting).await.unwrap().unwrap_err();
    assert_eq!(refused.code, Code::ShuttingDown);
    assert_eq!(why(&peer).await, refused);
}

#[tokio::test]
async fn who_is_banned_is_told_once() {
    let bans = guard::from_fn(async |_| {
        Err(Refusal::new(Code::custom("ERR_ENOUGH")).ban_for(Duration::from_secs(3600)))
    });
    let server = start(echo().connection_guard(bans)).await;
    assert_eq!(why(&peer(&server).await).await.code, Code::custom("ERR_ENOUGH"));
    // From then on the door stays shut without a word.
    let banned = peer(&server).await;
    let closed = in_time("the call", banned.call::<()>("any", ())).await.unwrap_err();
    assert_eq!(closed.code, Code::Unavailable);
}

#[tokio::test]
async fn behind_tls() {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let issued = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let tls = TlsServer::builder(Pem::text(issued.certificate()), Pem::text(issued.key())).build().unwrap();
    let refuse = guard::from_fn(async |_| Err(Refusal::new(Code::Unauthorized).message("nobody")));
    let builder = echo().tls(tls).listen("tls://127.0.0.1:0").connection_guard(refuse);
    let server = builder.build().unwrap().start().await.unwrap();
    let port = server.local_addr().unwrap().port();
    let tls = TlsClient::builder(Pem::text(authority.certificate())).build().unwrap();
    let client = RpcClient::builder().server(format!("tls://localhost:{port}")).tls(tls);
    let error = unquoted(&in_time("connecting", client.connect()).await.unwrap_err());
    assert!(error.contains("ERR_UNAUTHORIZED: \"nobody\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_for_too_long() {
    let server = echo().timeout(Duration::from_secs(5)).build().unwrap().start_in_memory().await.unwrap();
    // Nothing is sent before the first call.
    let peer = server.handle().peer().unwrap();
    in_time("the end", peer.closing()).await;
    assert_eq!(why(&peer).await.code, Code::TimedOut);
}

/// A client with several servers goes on with those that let it in, and says of each of the others why not.
#[tokio::test]
async fn one_server_of_several() {
    let full = start(echo().connection_guard(ConnectionLimit::new(0))).await;
    let closed = start(echo().on_connect(async |_| Err(Refusal::new(Code::custom("ERR_CLOSED"))))).await;
    let open = start(crate::pool_calls::named("open")).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let places = [place(&full), place(&closed), gone, place(&open)];
    let client = RpcClient::builder().servers(&places).connect().await.unwrap();
    for _ in 0..20 {
        assert_eq!(crate::pool_calls::whoami::call(&client).await.unwrap(), "open");
    }
    eventually("all are known", || {
        client.servers().iter().filter(|server| server.problem.is_some()).count() == 3
    })
    .await;
    let problems: Vec<_> =
        client.servers().into_iter().map(|server| server.problem.unwrap_or_default()).collect();
    assert!(
        problems[0].ends_with("ERR_TOO_MANY_CONNECTIONS") && problems[1].ends_with("ERR_CLOSED"),
        "{problems:?}"
    );
    let named =
        client.call::<()>("any", ()).server(&places[1]).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(named.to_string().ends_with("ERR_CLOSED"), "{named}");
}

/// Who may have no further connection does not ask for one again and again, however busy the one is that there is.
#[tokio::test]
async fn further_ones_of_a_busy_client() {
    let server = start(crate::pool_calls::named("a").connection_guard(ConnectionLimit::new(1))).await;
    let backoff = Backoff::default().base(Duration::from_millis(5));
    let client = RpcClient::builder().server(place(&server)).busy_at(1).backoff(backoff);
    let client = client.connect().await.unwrap();
    for _ in 0..150 {
        let nap = || crate::pool_calls::nap::call(&client, 2);
        let naps = tokio::join!(nap(), nap(), nap());
        assert!(naps.0.is_ok() && naps.1.is_ok() && naps.2.is_ok(), "{naps:?}");
    }
    assert_eq!(client.servers()[0].connections, 1);
    let refused = server.handle().stats().refused;
    assert!((1..40).contains(&refused), "it asked {refused} times");
}
