//! What it takes to reach a server: the flags that `send`, `call` and `bench` share.

use std::path::PathBuf;
use std::time::Duration;

use super::failure::Failure;
use crate::client::{Client, Endpoint, RpcClient};
use crate::security::{TlsClient, TlsError};
use crate::server::Settings;
use crate::wire::{ByteOrder, Encoding};

/// Where the server is and how its packets are framed.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Link {
    /// The server: HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH
    #[arg(value_name = "URL")]
    url: String,

    /// The encoding of packets
    #[arg(long, value_name = "json|ziproto", default_value = "json", value_parser = |text: &str| read("encoding", text))]
    encoding: Settings,

    /// How long to wait for the connection, and for each reply
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = |text: &str| read("timeout", text))]
    timeout: Settings,

    /// The size of the Content-Length header: 1, 2, 4 or 8
    #[arg(long, value_name = "BYTES", default_value = "4", value_parser = |text: &str| read("header_size", text))]
    header_size: Settings,

    /// The byte order of the Content-Length header
    #[arg(long, value_name = "big|little", default_value = "big", value_parser = |text: &str| read("byteorder", text))]
    byteorder: Settings,

    /// The longest reply
    #[arg(long, value_name = "BYTES", default_value = "16MiB", value_parser = |text: &str| read("max_packet_size", text))]
    max_packet_size: Settings,

    /// The authority that the server's certificate must come from, PEM; without a scheme the URL is a tls:// one then
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    tls_ca: Option<PathBuf>,

    /// The client's own certificate, for a server that asks for one, PEM
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "key", requires = "tls_ca")]
    cert: Option<PathBuf>,

    /// The private key of the client's certificate, PEM
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "cert")]
    key: Option<PathBuf>,
}

/// Reads one setting as a configuration file would; the rest are the defaults.
fn read(key: &str, text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    settings.set(key, text).map_err(|error| {
        let text = error.to_string();
        text.split_once("; allowed: ").map_or(text.clone(), |(_, allowed)| format!("allowed: {allowed}"))
    })?;
    Ok(settings)
}

impl Link {
    /// Connects.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let endpoint = self.endpoint()?;
        let mut builder = Client::builder()
            .encoding(self.encoding())
            .header_size(self.header_size())
            .byte_order(self.byte_order())
            .max_packet_size(self.max_packet_size.limits.max_packet_size)
            .connect_timeout(self.timeout())
            .timeout(self.timeout());
        if let Some(tls) = self.tls()? {
            builder = builder.tls(tls);
        }
        let url = endpoint.to_string();
        builder.connect(&url).await.map_err(|error| {
            let text = error.to_string();
            // Some errors say where, some do not.
            Failure::connection(if text.contains(&url) { text } else { format!("{url}: {text}") })
        })
    }

    /// Connects to call functions (protocol V3).
    pub(super) async fn connect_rpc(&self) -> Result<RpcClient, Failure> {
        let url = self.endpoint()?.to_string();
        let mut builder = RpcClient::builder()
            .server(&url)
            .encoding(self.encoding())
            .header_size(self.header_size())
            .byte_order(self.byte_order())
            .max_packet_size(self.max_packet_size.limits.max_packet_size)
            .connect_timeout(self.timeout())
            .timeout(self.timeout());
        if let Some(tls) = self.tls()? {
            builder = builder.tls(tls);
        }
        builder.connect().await.map_err(|error| {
            let text = error.to_string();
            Failure::connection(if text.contains(&url) { text } else { format!("{url}: {text}") })
        })
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding.encoding
    }

    fn timeout(&self) -> Duration {
        self.timeout.limits.timeout
    }

    /// The size of the Content-Length header in bytes.
    pub(super) fn header_size(&self) -> usize {
        self.header_size.header_size.bytes()
    }

    fn byte_order(&self) -> ByteOrder {
        self.byteorder.byte_order
    }

    /// The place to connect to: a bare `host:port` is one of TLS where an authority is named.
    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let endpoint: Endpoint = self.url.parse().map_err(Failure::usage)?;
        match (endpoint, &self.tls_ca) {
            (Endpoint::Tls(_), None) => Err(Failure::usage(
                "a tls:// URL needs --tls-ca: the authority that the server's certificate comes from",
            )),
            (Endpoint::Tcp(host), Some(_)) if !self.url.contains("://") => Ok(Endpoint::Tls(host)),
            (Endpoint::Tcp(_) | Endpoint::Unix(_), Some(_)) => {
                Err(Failure::usage("--tls-ca is for tls:// URLs; this one would be sent in the clear"))
            }
            (endpoint, _) => Ok(endpoint),
        }
    }

    fn tls(&self) -> Result<Option<TlsClient>, Failure> {
        let Some(authority) = &self.tls_ca else { return Ok(None) };
        let mut builder = TlsClient::builder(authority.clone());
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            builder = builder.certificate(certificate.clone(), key.clone());
        }
        builder.build().map(Some).map_err(|error: TlsError| Failure::usage(error))
    }
}
