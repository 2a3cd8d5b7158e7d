//! Real handshakes over a pipe in memory, with certificates of an authority made for the test.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::security::scratch::Scratch;
use crate::security::{Authority, Issued, Validity};

type Accepted = Result<ServerStream<DuplexStream>, TlsError>;
type Connected = Result<ClientStream<DuplexStream>, TlsError>;

fn authority() -> Authority {
    Authority::create("the authority", Validity::AUTHORITY).unwrap()
}

fn trust(authority: &Authority) -> Pem {
    Pem::text(authority.certificate())
}

fn local(authority: &Authority) -> Issued {
    authority.issue_server(&["localhost", "127.0.0.1", "::1"], Validity::SERVER).unwrap()
}

fn server(own: &Issued) -> TlsServerBuilder {
    TlsServer::builder(Pem::text(own.certificate()), Pem::text(own.key()))
}

fn shown(client: TlsClientBuilder, own: &Issued) -> TlsClient {
    client.certificate(Pem::text(own.certificate()), Pem::text(own.key())).build().unwrap()
}

async fn shake(server: &TlsServer, client: &TlsClient, host: &str) -> (Accepted, Connected) {
    let (near, far) = duplex(64 * 1024);
    tokio::join!(server.accept(far), client.connect(near, host))
}

/// A word there and back. A client learns only now whether the server took its certificate.
async fn talk(accepted: Accepted, connected: Connected) -> std::io::Result<Option<Identity>> {
    let mut server = accepted.map_err(std::io::Error::other)?;
    let identity = Identity::of_client(&server);
    let mut client = connected.map_err(std::io::Error::other)?;
    let mut word = [0; 5];
    client.write_all(b"hello").await?;
    client.flush().await?;
    server.read_exact(&mut word).await?;
    server.write_all(&word).await?;
    server.flush().await?;
    client.read_exact(&mut word).await?;
    assert_eq!(&word, b"hello");
    Ok(identity)
}

fn served(connected: &ClientStream<DuplexStream>) -> Vec<u8> {
    connected.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn refused<T>(result: Result<T, TlsError>, why: &str) {
    match result {
        Err(TlsError::Handshake(error)) => assert!(error.to_string().contains(why), "{error}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("accepted"),
    }
}

#[tokio::test]
async fn a_client_talks_to_a_server_that_it_trusts() {
    let authority = authority();
    let server = server(&local(&authority)).build().unwrap();
    let client = TlsClient::builder(trust(&authority)).build().unwrap();
    for host in ["localhost", "127.0.0.1", "::1", "[::1]"] {
        let (accepted, connected) = shake(&server, &client, host).await;
        let version = connected.as_ref().unwrap().get_ref().1.protocol_version();
        assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(talk(accepted, connected).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_refused() {
    let authority = authority();
    let server = server(&local(&authority)).build().unwrap();
    let stranger = TlsClient::builder(trust(&self::authority())).build().unwrap();
    let (accepted, connected) = shake(&server, &stranger, "localhost").await;
    // Both authorities have the same name, so it is the signature that is wrong.
    refused(connected, "BadSignature");
    assert!(accepted.is_err());
    let client = TlsClient::builder(trust(&authority)).build().unwrap();
    refused(shake(&server, &client, "example.org").await.1, "not valid for name \"example.org\"");
    refused(shake(&server, &client, "127.0.0.2").await.1, "not valid for name");
    for host in ["", "a b", "localhost:80"] {
        let (near, _far) = duplex(64);
        assert!(matches!(client.connect(near, host).await, Err(TlsError::Name(name)) if name == host));
    }
}

#[tokio::test]
async fn a_client_certificate_is_no_server_certificate() {
    let authority = authority();
    let server = server(&authority.issue_client("localhost", Validity::CLIENT).unwrap()).build().unwrap();
    let client = TlsClient::builder(trust(&authority)).build().unwrap();
    assert!(shake(&server, &client, "localhost").await.1.is_err());
}

#[tokio::test]
async fn mutual_tls_says_who_the_client_is() {
    let authority = authority();
    let server = server(&local(&authority)).client_authority(trust(&authority)).build().unwrap();
    let own = authority.issue_client("sensor-7", Validity::CLIENT).unwrap();
    let client = shown(TlsClient::builder(trust(&authority)), &own);
    let (accepted, connected) = shake(&server, &client, "localhost").await;
    let identity = talk(accepted, connected).await.unwrap().unwrap();
    assert_eq!(identity.name(), Some("sensor-7"));
    assert_eq!(identity.names(), []);
    assert_eq!(identity.fingerprint().len(), 64);
    let lasts = identity.valid_until().duration_since(std::time::SystemTime::now()).unwrap();
    assert_eq!(lasts.as_secs().div_ceil(86_400), 365);
    assert_eq!(Identity::from_der(identity.der()).unwrap(), identity);
    // A certificate of a server, shown by a client, is refused: it is for something else.
    let wrong = shown(TlsClient::builder(trust(&authority)), &local(&authority));
    assert!(shake(&server, &wrong, "localhost").await.0.is_err());
}

#[tokio::test]
async fn a_missing_or_foreign_client_certificate_is_refused() {
    let (authority, other) = (authority(), authority());
    let own = local(&authority);
    let required = server(&own).client_authority(trust(&authority)).build().unwrap();
    let optional = server(&own).client_authority(trust(&authority)).client_optional().build().unwrap();
    let nobody = TlsClient::builder(trust(&authority)).build().unwrap();
    let foreign = other.issue_client("sensor-7", Validity::CLIENT).unwrap();
    let foreign = shown(TlsClient::builder(trust(&authority)), &foreign);

    let (accepted, connected) = shake(&required, &nobody, "localhost").await;
    refused(accepted, "peer sent no certificates");
    let mut word = [0; 5];
    assert!(connected.unwrap().read_exact(&mut word).await.is_err());

    let (accepted, connected) = shake(&optional, &nobody, "localhost").await;
    assert_eq!(talk(accepted, connected).await.unwrap(), None);

    for server in [required, optional] {
        refused(shake(&server, &foreign, "localhost").await.0, "invalid peer certificate");
    }
}

#[tokio::test]
async fn one_trusted_certificate_is_trusted_and_no_other() {
    let authority = authority();
    let (one, two) = (local(&authority), local(&authority));
    let server = server(&one).build().unwrap();
    let client = TlsClient::trusting(Pem::text(one.certificate())).build().unwrap();
    let (accepted, connected) = shake(&server, &client, "any.name").await;
    talk(accepted, connected).await.unwrap();
    server.replace(Pem::text(two.certificate()), Pem::text(two.key())).unwrap();
    refused(shake(&server, &client, "any.name").await.1, "not the certificate that is trusted");
}

#[tokio::test]
async fn a_client_without_tls_1_3_is_refused() {
    // A ClientHello of TLS 1.2: version, random, no session, one cipher suite, no compression; of the extensions those
    // without which it would be refused for another reason: signature_algorithms and supported_groups, 8 bytes each.
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &[0, 2, 0xc0, 0x2b],
        &[1, 0],
        &[0, 16],
        &[0, 13, 0, 4, 0, 2, 4, 3],
        &[0, 10, 0, 4, 0, 2, 0, 23],
    ]
    .concat();
    let handshake = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    let record = [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat();

    let authority = authority();
    let server = server(&local(&authority)).build().unwrap();
    let (mut near, far) = duplex(64 * 1024);
    near.write_all(&record).await.unwrap();
    refused(server.accept(far).await, "peer is incompatible");
    let mut alert = Vec::new();
    near.read_to_end(&mut alert).await.unwrap();
    // A fatal alert (2) of protocol_version (70).
    assert_eq!(alert[..3], [21, 3, 3]);
    assert_eq!(alert[5..], [2, 70]);
}

#[tokio::test]
async fn what_is_no_tls_is_an_error() {
    let authority = authority();
    let server = server(&local(&authority)).build().unwrap();
    let (mut near, far) = duplex(64 * 1024);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(matches!(server.accept(far).await, Err(TlsError::Handshake(_))));
    let (near, far) = duplex(64);
    drop(near);
    let error = crate::Error::from(server.accept(far).await.map(|_| ()).unwrap_err());
    assert!(error.is_disconnect(), "{error}");
}

fn write(directory: &Path, issued: &Issued) {
    issued.save_over(directory, "server").unwrap();
}

#[tokio::test]
async fn reloading_serves_the_new_certificate_and_keeps_connections() {
    let scratch = Scratch::new();
    let authority = authority();
    write(&scratch.path(""), &local(&authority));
    let (certificate, key) = (scratch.path("server.pem"), scratch.path("server.key"));
    let server = TlsServer::from_files(certificate, key, None::<&Path>).unwrap();
    let client = TlsClient::builder(trust(&authority)).build().unwrap();
    let (old_accepted, old_connected) = shake(&server, &client, "localhost").await;
    let old = served(old_connected.as_ref().unwrap());

    write(&scratch.path(""), &local(&authority));
    let between = shake(&server, &client, "localhost").await.1.unwrap();
    assert_eq!(served(&between), old);
    server.clone().reload().unwrap();
    let (accepted, connected) = shake(&server, &client, "localhost").await;
    let new = served(connected.as_ref().unwrap());
    assert_ne!(new, old);
    talk(accepted, connected).await.unwrap();
    talk(old_accepted, old_connected).await.unwrap();

    // A reload that fails says why and changes nothing.
    fs::write(scratch.path("server.key"), local(&authority).key()).unwrap();
    assert!(matches!(server.reload(), Err(TlsError::KeyMismatch { .. })));
    assert_eq!(served(&shake(&server, &client, "localhost").await.1.unwrap()), new);
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let scratch = Scratch::new();
    let authority = authority();
    write(&scratch.path(""), &local(&authority));
    let other = local(&authority);
    let told = |certificate: &str, key: &str, file: &str, why: &str| {
        let result = TlsServer::builder(scratch.path(certificate), scratch.path(key)).build();
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(&*scratch.path(file).to_string_lossy()) && error.contains(why), "{error}");
    };
    let keep = |name: &str, text: &str| fs::write(scratch.path(name), text).unwrap();
    told("none.pem", "server.key", "none.pem", "No such file");
    told("server.pem", "none.key", "none.key", "No such file");
    told("server.key", "server.key", "server.key", "holds no certificate");
    told("server.pem", "server.pem", "server.pem", "holds no private key");
    keep("other.key", other.key());
    told("server.pem", "other.key", "other.key", "is not the private key of the certificate in");
    keep("cut.pem", &other.certificate()[..200]);
    told("cut.pem", "server.key", "cut.pem", "is cut off");
    keep("odd.key", &other.key().replace("M", "#"));
    told("server.pem", "odd.key", "odd.key", "base64");
    keep("locked.key", &other.key().replace("PRIVATE", "ENCRYPTED PRIVATE"));
    told("server.pem", "locked.key", "locked.key", "is encrypted");
    keep("empty.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    told("empty.pem", "server.key", "empty.pem", "cannot be read");
    keep("empty.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    told("server.pem", "empty.key", "empty.key", "");
    let roots = TlsClient::builder(scratch.path("empty.pem")).build().unwrap_err().to_string();
    assert!(roots.contains("empty.pem"), "{roots}");
    keep("two.pem", &other.certificate().repeat(2));
    let two = TlsClient::trusting(scratch.path("two.pem")).build().unwrap_err().to_string();
    assert!(two.contains("two.pem: holds 2 certificates"), "{two}");
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    use super::pem::in_time;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert_eq!(in_time(now - 9, now + 9), Ok(()));
    assert_eq!(in_time(0, now - 86_400 * 3 - 5), Err("expired 3 days ago".into()));
    assert_eq!(in_time(0, now - 65), Err("expired 1 minutes ago".into()));
    let early = in_time(now + 7_300, now + 9_000).unwrap_err();
    assert_eq!(early, "is valid only in 2 hours; is the clock right?");
}

#[test]
fn debug_shows_no_key() {
    let own = local(&authority());
    let text = format!("{:?}", server(&own));
    assert!(text.contains("the PEM text") && !text.contains("PRIVATE"), "{text}");
}
