use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::pin::Pinned;
use super::{ClientStream, Pem, TlsError, own_key, provider};

/// TLS for the connecting side: TLS 1.3 only, by rustls with ring (LIMITS, protection 3).
///
/// It trusts what it is told to trust, and nothing else: certain authorities, or one certain certificate. There is no
/// way to trust everybody. Cheap to clone.
///
/// ```no_run
/// use asyncapy::security::TlsClient;
///
/// # fn main() -> Result<(), asyncapy::security::TlsError> {
/// let client = TlsClient::builder("authority.pem").build()?;
/// let known = TlsClient::builder("authority.pem").certificate("client.pem", "client.key").build()?;
/// let pinned = TlsClient::trusting("server.pem").build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// Trusts every server whose certificate one of these authorities has signed for the name that is connected to.
    pub fn builder(authority: impl Into<Pem>) -> TlsClientBuilder {
        TlsClientBuilder { trust: Trust::Authority(authority.into()), own: None }
    }

    /// Trusts one server: the one that shows exactly this certificate, while it is valid, whatever its name. For a server
    /// with a certificate that no authority has signed.
    pub fn trusting(certificate: impl Into<Pem>) -> TlsClientBuilder {
        TlsClientBuilder { trust: Trust::Certificate(certificate.into()), own: None }
    }

    /// The configuration, for whoever drives rustls directly.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    /// Shakes hands over a connection to the host, a name or an address without port, which the server's certificate
    /// must name. The deadline is the caller's; dropping the future ends the handshake.
    ///
    /// A server that refuses the client's certificate says so only after the handshake (TLS 1.3): the first read fails.
    ///
    /// # Errors
    /// [`TlsError::Name`] if the host is no name; [`TlsError::Handshake`] if the server is not trusted or speaks no TLS
    /// 1.3; [`TlsError::Io`] if the connection fails.
    pub async fn connect<S>(&self, stream: S, host: &str) -> Result<ClientStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // In a URL the address of version 6 stands in brackets.
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
        TlsConnector::from(self.config()).connect(name, stream).await.map_err(TlsError::of_handshake)
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

/// Says whom a [`TlsClient`] trusts and who it is.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `build`"]
pub struct TlsClientBuilder {
    trust: Trust,
    // Certificate and key.
    own: Option<(Pem, Pem)>,
}

#[derive(Clone, Debug)]
enum Trust {
    Authority(Pem),
    Certificate(Pem),
}

impl TlsClientBuilder {
    /// Shows this certificate to a server that asks for one (mutual TLS).
    pub fn certificate(mut self, certificate: impl Into<Pem>, key: impl Into<Pem>) -> Self {
        self.own = Some((certificate.into(), key.into()));
        self
    }

    /// Reads the certificates and keys and checks them: whether they are there, belong together and are valid now.
    ///
    /// # Errors
    /// A [`TlsError`] that names the file and what is wrong.
    pub fn build(self) -> Result<TlsClient, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Config)?;
        let builder = match &self.trust {
            Trust::Authority(authority) => {
                let roots = Arc::new(authority.roots()?);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
                let refused = |error: rustls::client::VerifierBuilderError| TlsError::Malformed {
                    source: authority.to_string(),
                    why: error.to_string(),
                };
                builder.with_webpki_verifier(verifier.map_err(refused)?)
            }
            Trust::Certificate(certificate) => {
                let verifier = Arc::new(Pinned::new(certificate.certificate()?, provider()));
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let config = match &self.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificate.chain()?, key.key()?)
                .map_err(|error| own_key(error, certificate, key))?,
        };
        Ok(TlsClient(Arc::new(config)))
    }
}
