//! One server, several places: TCP, TLS, UNIX sockets, memory.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::security::{Authority, Issued, Pem, TlsClient, TlsServer, Validity};
use asyncapy::server::Endpoint;
use asyncapy_tests::{Raw, at_rest, echo, in_time, start};
use tokio::net::{TcpStream, UnixListener, UnixStream};

/// A folder of the test's own, gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("asyncapy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn socket(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("api.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the system's folder for temporary files is its own to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[handler]
async fn who(client: Client) -> serde_json::Value {
    json!({"address": client.address().to_string(), "name": client.identity().and_then(|who| who.name())})
}

/// An authority, a server with a certificate of it, a client that trusts it.
fn certified(mutual: bool) -> (Authority, TlsServer) {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let issued = authority.issue_server(&["localhost", "127.0.0.1"], Validity::SERVER).unwrap();
    let mut builder = TlsServer::builder(Pem::text(issued.certificate()), Pem::text(issued.key()));
    if mutual {
        builder = builder.client_authority(Pem::text(authority.certificate()));
    }
    (authority, builder.build().unwrap())
}

async fn tls(authority: &Authority, own: Option<&Issued>, server: &asyncapy::server::Running) -> Raw {
    let mut builder = TlsClient::builder(Pem::text(authority.certificate()));
    if let Some(own) = own {
        builder = builder.certificate(Pem::text(own.certificate()), Pem::text(own.key()));
    }
    let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let stream =
        in_time("the handshake", builder.build().unwrap().connect(stream, "localhost")).await.unwrap();
    Raw::over(stream)
}

#[tokio::test]
async fn all_at_once() {
    let folder = Folder::new();
    let (authority, certificate) = certified(false);
    let builder = Server::builder()
        .register(who)
        .tls(certificate)
        .listen("tls://127.0.0.1:0")
        .listen(&folder.socket())
        .listen("[::1]:0");
    let server = start(builder).await;
    let handle = server.handle();
    let endpoints = handle.endpoints();
    assert!(matches!(endpoints, [Endpoint::Tls(_), Endpoint::Unix(_), Endpoint::Tcp(_), Endpoint::Tcp(_)]));
    let Endpoint::Tcp(six) = &endpoints[2] else { panic!("{endpoints:?}") };
    let Endpoint::Tcp(four) = &endpoints[3] else { panic!("{endpoints:?}") };
    let mut clients = [
        (tls(&authority, None, &server).await, "127.0.0.1"),
        (Raw::over(UnixStream::connect(folder.path()).await.unwrap()), "unix"),
        (Raw::connect_to(six.parse().unwrap()).await, "::1"),
        (Raw::connect_to(four.parse().unwrap()).await, "127.0.0.1"),
        (Raw::in_memory(&server), "127.0.0.1"),
    ];
    for (client, address) in &mut clients {
        for _ in 0..3 {
            assert_eq!(client.ask(r#"{"who": 1}"#).await, json!({"address": *address, "name": null}));
        }
    }
    assert_eq!(handle.stats().sessions, 5);
    drop(clients);
    at_rest(&handle).await;
    server.shutdown().await.unwrap();
    assert!(!folder.path().exists(), "the socket's file goes with the server");
}

#[tokio::test]
async fn the_file_of_a_server_that_was_killed_is_taken_over() {
    let folder = Folder::new();
    // A socket's file that nobody listens behind.
    drop(UnixListener::bind(folder.path()).unwrap());
    assert!(folder.path().exists());
    let server = echo().listen(&folder.socket()).build().unwrap().start().await.unwrap();
    let mut client = Raw::over(UnixStream::connect(folder.path()).await.unwrap());
    assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    // One that is alive is not.
    let error = echo().listen(&folder.socket()).build().unwrap().start().await.unwrap_err().to_string();
    assert!(error.contains("api.sock"), "{error}");
    assert_eq!(client.ask(r#"{"a": 2}"#).await, json!({"a": 2}));
    drop(server);
}

#[tokio::test]
async fn the_socket_is_the_servers_own_unless_said_otherwise() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let mode = || std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777;
    let server = echo().listen(&folder.socket()).build().unwrap().start().await.unwrap();
    assert_eq!(mode(), 0o600);
    let mut client = Raw::over(UnixStream::connect(folder.path()).await.unwrap());
    assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    server.shutdown().await.unwrap();
    // Wider than the umask would let it.
    let server = echo().unix_mode(0o666).listen(&folder.socket()).build().unwrap().start().await.unwrap();
    assert_eq!(mode(), 0o666);
    server.shutdown().await.unwrap();
    let error = echo().unix_mode(0o1777).build().unwrap_err().to_string();
    assert!(error.contains("`unix_mode` is 0o1777; permissions go up to 0o777"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new();
    std::fs::write(folder.path(), "precious").unwrap();
    let error = echo().listen(&folder.socket()).build().unwrap().start().await.unwrap_err().to_string();
    assert!(error.contains("api.sock"), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path()).unwrap(), "precious");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let server = start(echo()).await;
    let taken = server.local_addr().unwrap().to_string();
    let error = echo().listen(&taken).build().unwrap().start().await.unwrap_err().to_string();
    assert!(error.contains(&taken), "{error}");
}

#[tokio::test]
async fn the_default_is_the_address_and_port_of_the_settings() {
    let server = echo().addr("127.0.0.1").port(0).build().unwrap().start().await.unwrap();
    assert!(matches!(server.handle().endpoints(), [Endpoint::Tcp(_)]));
    assert_eq!(Raw::connect(&server).await.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
}

#[tokio::test]
async fn mutual_tls_tells_who_the_client_is() {
    let (authority, certificate) = certified(true);
    let builder = Server::builder().register(who).tls(certificate).listen("tls://127.0.0.1:0");
    let server = builder.build().unwrap().start().await.unwrap();
    for name in ["ann", "bob"] {
        let own = authority.issue_client(name, Validity::CLIENT).unwrap();
        let mut client = tls(&authority, Some(&own), &server).await;
        assert_eq!(client.ask(r#"{"who": 1}"#).await, json!({"address": "127.0.0.1", "name": name}));
    }
    // Without a certificate, or with one of somebody else's: no session begins.
    let stranger = Authority::create("somebody else", Validity::AUTHORITY).unwrap();
    let forged = stranger.issue_client("ann", Validity::CLIENT).unwrap();
    for own in [None, Some(&forged)] {
        let mut client = tls(&authority, own, &server).await;
        client.write_anyway(&asyncapy_tests::frame(asyncapy_tests::JSON, br#"{"who": 1}"#)).await;
        client.expect_closed().await;
    }
    assert_eq!(server.handle().stats().packets, 2);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn long_packets_and_many_of_them_over_tls() {
    let (authority, certificate) = certified(false);
    let server = echo().tls(certificate).listen("tls://127.0.0.1:0").build().unwrap().start().await.unwrap();
    let mut client = tls(&authority, None, &server).await;
    let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(900_000));
    let frames = asyncapy_tests::frame(asyncapy_tests::JSON, long.as_bytes());
    client.write(&frames[..500_000]).await;
    client.write(&frames[500_000..]).await;
    client.expect(asyncapy_tests::JSON, long.as_bytes()).await;
    for at in 0..100 {
        client.json(&format!(r#"{{"at": {at}}}"#)).await;
    }
    for at in 0..100 {
        assert_eq!(client.value().await["at"], at);
    }
    client.half_close().await;
    client.expect_closed().await;
    drop(client);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let (_, certificate) = certified(false);
    let builder = echo()
        .tls(certificate)
        .listen("tls://127.0.0.1:0")
        .limits(|limits| limits.handshake_timeout = Duration::from_millis(100));
    let server = builder.build().unwrap().start().await.unwrap();
    let mut silent = Raw::connect(&server).await;
    let mut plain = Raw::connect(&server).await;
    plain.json(r#"{"this is": "no TLS"}"#).await;
    let handle = server.handle();
    // What TLS says of it is no frame of ours; that the connection is let go is what matters.
    silent.expect_closed().await;
    drop(plain);
    at_rest(&handle).await;
    assert_eq!(handle.stats().packets, 0);
}
