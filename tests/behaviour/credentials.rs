//! Who a V3 client is: API keys in HELLO, certificates, and what it says of itself.

use std::time::Duration;

use asyncapy::Code;
use asyncapy::prelude::*;
use asyncapy::rpc::{ApiKeyIdentity, HelloMetadata, Peer, PeerBuilder, Status};
use asyncapy::security::{ApiKey, ApiKeys, Authority, Pem, TlsClient, TlsServer, Validity};
use asyncapy::server::logging::LogLevel;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{Log, at_rest, in_time, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[rpc]
async fn who(key: ApiKeyIdentity, session: Session) -> (String, Option<String>, String, bool) {
    let kept = session.get::<ApiKeyIdentity>().is_some_and(|kept| *kept == key);
    (key.id().to_owned(), key.name().map(str::to_owned), key.record().metadata()["plan"].to_string(), kept)
}

/// Whose key it is, if one was shown.
#[rpc]
async fn who_if_any(
    key: Option<ApiKeyIdentity>,
    again: Result<ApiKeyIdentity, Rejection>,
) -> (Option<String>, Option<String>) {
    (key.map(|key| key.id().to_owned()), again.err().map(|rejection| rejection.code().to_string()))
}

#[rpc]
async fn said(metadata: HelloMetadata) -> Vec<(String, String)> {
    metadata.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[rpc]
async fn length(text: String) -> usize {
    text.len()
}

#[rpc(private("identity:ann"))]
async fn for_ann() -> String {
    "hello ann".to_owned()
}

fn builder() -> Builder {
    Server::builder().register(who).register(who_if_any).register(said).register(length).register(for_ann)
}

async fn serve() -> (Running, ApiKeys, ApiKey) {
    let keys = ApiKeys::in_memory();
    let key = keys.issue(json!({"name": "acme", "plan": "gold"})).unwrap();
    (start(builder().credentials(keys.clone())).await, keys, key)
}

async fn tcp(server: &Running) -> TcpStream {
    in_time("connect", TcpStream::connect(server.local_addr().unwrap())).await.unwrap()
}

async fn connect(server: &Running, builder: PeerBuilder) -> Peer {
    builder.over(tcp(server).await).unwrap()
}

async fn long(peer: &Peer) -> Result<usize, Status> {
    in_time("an answer", async { length::call(peer, "x".repeat(100_000)).await }).await
}

#[tokio::test]
async fn a_key_shows_who_calls() {
    let (server, keys, key) = serve().await;
    for claimed in [None, Some("acme"), Some(key.id())] {
        let builder = Peer::builder().api_key(key.as_str());
        let builder = claimed.into_iter().fold(builder, PeerBuilder::identity);
        let peer = connect(&server, builder).await;
        let (id, name, plan, kept) = who::call(&peer).await.unwrap();
        assert_eq!((&*id, name.as_deref(), &*plan, kept), (key.id(), Some("acme"), r#""gold""#, true));
        assert_eq!(long(&peer).await.unwrap(), 100_000);
        assert_eq!(said::call(&peer).await.unwrap(), []);
        drop(peer);
    }
    // A key that has ended opens nothing more, and what it has opened stays open.
    let peer = connect(&server, Peer::builder().api_key(key.clone())).await;
    assert_eq!(long(&peer).await.unwrap(), 100_000);
    let new = keys.reissue(key.as_str()).unwrap();
    assert_eq!(long(&peer).await.unwrap(), 100_000);
    let late = connect(&server, Peer::builder().api_key(key)).await;
    assert_eq!(long(&late).await.unwrap_err().code, Code::Unauthorized);
    let renewed = connect(&server, Peer::builder().api_key(new)).await;
    assert_eq!(who::call(&renewed).await.unwrap().1.as_deref(), Some("acme"));
    drop((peer, late, renewed));
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn a_key_may_be_asked_for_where_there_is_none() {
    let (server, _, key) = serve().await;
    let peer = connect(&server, Peer::builder().api_key(key.clone())).await;
    assert_eq!(who_if_any::call(&peer).await.unwrap(), (Some(key.id().to_owned()), None));
    let open = start(builder()).await;
    let peer = connect(&open, Peer::builder()).await;
    let refused = Some("ERR_UNAUTHORIZED".to_owned());
    assert_eq!(who_if_any::call(&peer).await.unwrap(), (None, refused));
    assert_eq!(who::call(&peer).await.unwrap_err().code, Code::Unauthorized);
}

#[tokio::test]
async fn nobody_calls_without_a_key() {
    let log = Log::listen(LogLevel::Debug);
    let (server, _, key) = serve().await;
    let forged = format!("{}{}", &key.as_str()[..key.as_str().len() - 4], "0000");
    let refused = [
        Peer::builder(),
        Peer::builder().identity("acme"),
        Peer::builder().api_key("ak_secret"),
        Peer::builder().api_key(forged.clone()),
        Peer::builder().api_key(key.as_str()).identity("evil corp"),
    ];
    for builder in refused {
        let shown = format!("{builder:?}");
        assert!(!shown.contains("ak_"), "{shown}");
        let peer = connect(&server, builder).await;
        let status = in_time("a refusal", async { said::call(&peer).await }).await.unwrap_err();
        assert_eq!(status.code, Code::Unauthorized);
        // The GOAWAY's own words.
        assert!(!peer.is_open() && status.message.is_some_and(|why| !why.contains("ended the connection")));
    }
    // One that says nothing of itself is told on its call.
    let peer = Peer::over(tcp(&server).await);
    let status = in_time("a refusal", async { said::call(&peer).await }).await.unwrap_err();
    assert_eq!(status.code, Code::Unauthorized);
    drop(peer);
    at_rest(&server.handle()).await;
    let text = log.text();
    assert!(text.contains("evil corp"), "the claim is logged");
    for secret in [key.as_str(), &forged, "ak_secret"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_function_that_wants_a_key_is_not_run_where_none_is_asked_for() {
    let server = start(builder()).await;
    let peer = connect(&server, Peer::builder().api_key("ak_anything").identity("anybody")).await;
    assert_eq!(who::call(&peer).await.unwrap_err().code, Code::Unauthorized);
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_kept() {
    let server = start(builder()).await;
    let peer = connect(&server, Peer::builder().metadata("zone", "b").metadata("locale", "de")).await;
    let both = [("locale".to_owned(), "de".to_owned()), ("zone".to_owned(), "b".to_owned())];
    assert_eq!(said::call(&peer).await.unwrap(), both);
    assert_eq!(said::call(&peer).await.unwrap(), both);

    let stream = tcp(&server).await;
    let error = Peer::builder().metadata("essay", "x".repeat(20_000)).over(stream).unwrap_err().to_string();
    assert!(error.contains("identity, API key and metadata together"), "{error}");
}

/// What a server says to these bytes, to its end.
async fn answer(stream: &mut TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = in_time("the end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_stranger_may_say_little() {
    let (server, _, _) = serve().await;
    // The beginning of a HELLO of 16 KiB and one byte, and of one of 16 KiB that never goes on.
    let told = answer(&mut tcp(&server).await, b"\0\0\x40\x01\x17\0\x01\0\0\0\0\0").await;
    assert!(told.contains("ERR_PACKET_TOO_LARGE"), "{told}");
    let open = b"\0\0\0\x10\x17\x01\x02\x05\0\0\0\x01\0\0\x04said\x90";
    let mut stream = tcp(&server).await;
    stream.write_all(open).await.unwrap();
    let mut told = vec![0; 4];
    in_time("an answer", stream.read_exact(&mut told)).await.unwrap();
    told.resize(u32::from_be_bytes(*told.first_chunk().unwrap()) as usize, 0);
    in_time("an answer", stream.read_exact(&mut told)).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("ERR_UNAUTHORIZED"), "{told:?}");
    drop(stream);
    at_rest(&server.handle()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_not_waited_for() {
    let server =
        builder().credentials(ApiKeys::in_memory()).build().unwrap().start_in_memory().await.unwrap();
    let mut stream = server.handle().connect().unwrap();
    let begun = Instant::now();
    stream.write_all(b"\0\0\0\x10\x17\0\x07\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08").await.unwrap();
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("ERR_TIMED_OUT"));
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn a_certificate_shows_who_calls() {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let issued = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let tls = TlsServer::builder(Pem::text(issued.certificate()), Pem::text(issued.key()))
        .client_authority(Pem::text(authority.certificate()))
        .client_optional()
        .build()
        .unwrap();
    let server = builder().tls(tls).listen("tls://127.0.0.1:0").build().unwrap().start().await.unwrap();
    let connect = async |own: Option<&str>, claimed: Option<&str>| {
        let mut builder = TlsClient::builder(Pem::text(authority.certificate()));
        if let Some(own) = own {
            let own = authority.issue_client(own, Validity::CLIENT).unwrap();
            builder = builder.certificate(Pem::text(own.certificate()), Pem::text(own.key()));
        }
        let connecting = tcp(&server).await;
        let stream = builder.build().unwrap().connect(connecting, "localhost").await.unwrap();
        claimed.into_iter().fold(Peer::builder(), PeerBuilder::identity).over(stream).unwrap()
    };
    let ann = connect(Some("ann"), Some("ann")).await;
    assert_eq!(for_ann::call(&ann).await.unwrap(), "hello ann");
    for other in [Some("bob"), None] {
        let peer = connect(other, None).await;
        assert_eq!(for_ann::call(&peer).await.unwrap_err().code, Code::FunctionPrivate);
        assert_eq!(said::call(&peer).await.unwrap(), []);
    }
    // Who has shown a certificate cannot say that he is somebody else; who has shown none can say what he likes, and is
    // not believed.
    let bob = connect(Some("bob"), Some("ann")).await;
    assert_eq!(for_ann::call(&bob).await.unwrap_err().code, Code::Unauthorized);
    let nobody = connect(None, Some("ann")).await;
    assert_eq!(for_ann::call(&nobody).await.unwrap_err().code, Code::FunctionPrivate);
}
