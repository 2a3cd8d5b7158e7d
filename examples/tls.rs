//! Mutual TLS: a local authority, a server that asks for certificates, a client that shows one.
//!
//! Certificates for development also come from the command: `asyncapy cert`.

use asyncapy::client;
use asyncapy::prelude::*;
use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};

#[handler]
async fn whoami(client: Client) -> serde_json::Value {
    let name = client.identity().and_then(|identity| identity.name()).unwrap_or("nobody");
    json!({"you": name})
}

#[tokio::main]
async fn main() -> Result<()> {
    let authority = Authority::create("example authority", Validity::AUTHORITY)?;
    let server = authority.issue_server(&["localhost", "127.0.0.1"], Validity::SERVER)?;
    let ann = authority.issue_client("ann", Validity::CLIENT)?;

    let tls = TlsServer::builder(Pem::text(server.certificate()), Pem::text(server.key()))
        .client_authority(Pem::text(authority.certificate()))
        .build()?;
    let running =
        Server::builder().register(whoami).tls(tls).listen("tls://127.0.0.1:0").build()?.start().await?;
    let url = format!("tls://{}", running.local_addr().expect("a TCP listener"));
    println!("listening on {url}");

    let tls = TlsClient::builder(Pem::text(authority.certificate()))
        .certificate(Pem::text(ann.certificate()), Pem::text(ann.key()))
        .build()?;
    let client = client::Client::builder().tls(tls).connect(&url).await?;
    let reply = client.request(&json!({"who": "am i"})).await?;
    println!("with a certificate: {reply}");
    assert_eq!(reply["you"], "ann");

    // Without one there is no connection.
    let tls = TlsClient::builder(Pem::text(authority.certificate())).build()?;
    let refused = async {
        let client = client::Client::builder().tls(tls).connect(&url).await?;
        client.request(&json!({"who": "am i"})).await
    };
    println!("without: {}", refused.await.expect_err("a client without a certificate"));
    Ok(())
}
