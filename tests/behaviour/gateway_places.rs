//! Where a gateway listens: with TLS, on a UNIX socket, and who its clients are there.

use asyncapy::gateway::Gateway;
use asyncapy::prelude::*;
use asyncapy::security::{Authority, Identity, Pem, TlsClient, TlsServer, Validity};
use asyncapy::server::Running;
use asyncapy::server::guard::{self, Incoming, Refusal};
use asyncapy_tests::{Http, WebSocket, eventually, in_time};
use tokio::net::TcpStream;

use crate::gateway_calls::server;

/// The name in the caller's certificate.
#[rpc(group = "place")]
async fn who(client: Client) -> Option<String> {
    client.identity()?.name().map(str::to_owned)
}

#[rpc(group = "place", private("identity:billing"))]
async fn bill() -> u32 {
    7
}

struct Certificates {
    authority: Authority,
    server: TlsServer,
}

fn certificates(mutual: bool) -> Certificates {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let own = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let mut server = TlsServer::builder(Pem::text(own.certificate()), Pem::text(own.key()));
    if mutual {
        server = server.client_authority(Pem::text(authority.certificate())).client_optional();
    }
    Certificates { server: server.build().unwrap(), authority }
}

impl Certificates {
    fn client(&self, name: Option<&str>) -> TlsClient {
        let mut client = TlsClient::builder(Pem::text(self.authority.certificate()));
        if let Some(name) = name {
            let own = self.authority.issue_client(name, Validity::CLIENT).unwrap();
            client = client.certificate(Pem::text(own.certificate()), Pem::text(own.key()));
        }
        client.build().unwrap()
    }
}

/// A gateway with a certificate, and its port.
async fn gateway(builder: asyncapy::server::Builder, tls: &TlsServer) -> (Running, u16) {
    let running = builder.build().unwrap().start_in_memory().await.unwrap();
    let gateway = Gateway::new(&running.handle()).tls(tls.clone());
    let listening = gateway.bind("127.0.0.1:0").await.unwrap();
    let port = listening.local_addr().unwrap().port();
    assert_eq!(listening.url(), format!("https://127.0.0.1:{port}/"));
    tokio::spawn(async move { listening.serve().await.unwrap() });
    (running, port)
}

async fn connect(port: u16, client: &TlsClient) -> Http {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let stream = in_time("the handshake", client.connect(stream, "localhost")).await.unwrap();
    Http::over(stream, &format!("localhost:{port}"))
}

#[tokio::test]
async fn calls_and_channels_go_over_tls() {
    let certificates = certificates(false);
    let (_running, port) = gateway(server(), &certificates.server).await;
    let client = certificates.client(None);
    let mut http = connect(port, &client).await;
    assert_eq!(http.call("/gate/add", "[1, 2]").await.text(), "3");
    // A page is of our own only if it came over TLS, too.
    let own = format!("content-type: application/json\r\norigin: https://localhost:{port}\r\n");
    assert_eq!(http.ask("POST", "/gate/add", &own, b"[1, 2]").await.text(), "3");
    let plain = own.replace("https:", "http:");
    http.ask("POST", "/gate/add", &plain, b"[1, 2]").await.expect_error(403, "ERR_UNAUTHORIZED");
    let mut protocol = WebSocket::over(connect(port, &client).await, "/asyncaproto", "").await.unwrap();
    protocol.text("no bytes").await;
    while protocol.next().await.is_some() {}
    // Who speaks no TLS is not answered.
    let mut plain = Http::connect(([127, 0, 0, 1], port).into()).await;
    plain.write_anyway(b"POST /gate/add HTTP/1.1\r\nhost: x\r\n\r\n").await;
    while plain.fill_or_end().await {}
}

#[tokio::test]
async fn a_certificate_says_who_calls() {
    let certificates = certificates(true);
    let builder = Server::builder().register(who).register(bill).connection_guard(guard::from_fn(
        async |incoming: Incoming| match incoming.identity().and_then(Identity::name) {
            Some("banished") => Err(Refusal::new(Code::Unauthorized)),
            _ if incoming.endpoint().is_none() => Err(Refusal::new(Code::HandlerFailed)),
            _ => Ok(()),
        },
    ));
    let (_running, port) = gateway(builder, &certificates.server).await;
    let mut nobody = connect(port, &certificates.client(None)).await;
    assert_eq!(nobody.call("/place/who", "").await.text(), "null");
    nobody.call("/place/bill", "").await.expect_error(403, "ERR_FUNCTION_PRIVATE");
    let mut billing = connect(port, &certificates.client(Some("billing"))).await;
    assert_eq!(billing.call("/place/who", "").await.text(), "\"billing\"");
    assert_eq!(billing.call("/place/bill", "").await.text(), "7");
    let mut banished = connect(port, &certificates.client(Some("banished"))).await;
    banished.call("/place/who", "").await.expect_error(401, "ERR_UNAUTHORIZED");
}

#[tokio::test]
async fn a_certificate_of_a_proxy_is_not_its_clients() {
    let certificates = certificates(true);
    let running =
        Server::builder().register(who).register(bill).build().unwrap().start_in_memory().await.unwrap();
    let gateway = Gateway::new(&running.handle()).tls(certificates.server.clone());
    let listening = gateway.trusted_proxy("127.0.0.1").unwrap().bind("127.0.0.1:0").await.unwrap();
    let port = listening.local_addr().unwrap().port();
    tokio::spawn(listening.serve());
    let mut proxy = connect(port, &certificates.client(Some("billing"))).await;
    let forwarded = "x-forwarded-for: 192.0.2.1\r\n";
    assert_eq!(proxy.ask("POST", "/place/who", forwarded, b"").await.text(), "null");
    proxy.ask("POST", "/place/bill", forwarded, b"").await.expect_error(403, "ERR_FUNCTION_PRIVATE");
    assert_eq!(proxy.call("/place/bill", "").await.text(), "7");
}

#[tokio::test]
async fn a_handshake_holds_no_shutdown_up() {
    let certificates = certificates(false);
    let builder = server().limits(|limits| limits.shutdown_deadline = std::time::Duration::from_millis(50));
    let (running, port) = gateway(builder, &certificates.server).await;
    let handle = running.handle();
    let silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    eventually("it is accepted", || handle.stats().connections == 1).await;
    let report = in_time("the stop", running.shutdown()).await.unwrap();
    assert_eq!((report.drained, report.cut, handle.stats().connections), (0, 1, 0), "{report:?}");
    drop(silent);
}

#[tokio::test]
async fn places_are_written_as_the_servers_are() {
    let running = server().build().unwrap().start_in_memory().await.unwrap();
    let gateway = || Gateway::new(&running.handle());
    for (place, why) in [
        ("tls://127.0.0.1:0", "needs a certificate"),
        ("https://127.0.0.1", "is no endpoint"),
        ("", "is no endpoint"),
    ] {
        let error = gateway().bind(place).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    // Whoever says so has it without TLS, for a proxy on the same machine, say.
    let plain = gateway().tls(certificates(false).server).bind("tcp://127.0.0.1:0").await.unwrap();
    assert!(plain.url().starts_with("http://127.0.0.1:"), "{}", plain.url());
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_for_a_proxy() {
    use std::os::unix::fs::PermissionsExt;

    let directory = std::env::temp_dir().join(format!("asyncapy-gateway-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("gateway.sock");
    let place = format!("unix://{}", path.display());
    let running = server().build().unwrap().start_in_memory().await.unwrap();
    let gateway = Gateway::new(&running.handle()).trusted_proxy("unix").unwrap().unix_mode(0o660);
    let listening = gateway.bind(&place).await.unwrap();
    assert_eq!((listening.local_addr(), listening.url()), (None, place.clone()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    tokio::spawn(listening.serve());
    let mut proxy = Http::over(tokio::net::UnixStream::connect(&path).await.unwrap(), "api.example");
    assert_eq!(proxy.call("/gate/add", "[1, 2]").await.text(), "3");
    assert_eq!(proxy.call("/gate/hidden", "").await.text(), "1");
    let forwarded = "x-forwarded-for: 192.0.2.1\r\n";
    assert_eq!(proxy.ask("POST", "/gate/told", forwarded, b"").await.json()["ip"], "192.0.2.1");
    proxy.ask("POST", "/gate/hidden", forwarded, b"").await.expect_error(403, "ERR_FUNCTION_PRIVATE");
    running.shutdown().await.unwrap();
    eventually("the file is gone", || !path.exists()).await;
    std::fs::remove_dir(&directory).unwrap();
}
