use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::{Identity, Pem, ServerStream, TlsError, own_key, provider};

/// TLS for the accepting side: TLS 1.3 only, by rustls with ring (LIMITS, protection 3).
///
/// Cheap to clone; all clones serve the same certificate, and [`reload`](Self::reload) changes it for all of them.
///
/// ```no_run
/// use asyncapy::security::TlsServer;
///
/// # fn main() -> Result<(), asyncapy::security::TlsError> {
/// let open_to_all = TlsServer::builder("server.pem", "server.key").build()?;
/// let mutual = TlsServer::builder("server.pem", "server.key").client_authority("clients.pem").build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsServer(Arc<Inner>);

struct Inner {
    // Read anew by `reload`. Held while a configuration is built, so that of two reloads the later one's stays.
    source: Mutex<TlsServerBuilder>,
    // Swapped as a whole: a handshake uses the one it began with, a connection that stands keeps its own.
    config: RwLock<Arc<ServerConfig>>,
}

impl TlsServer {
    /// Starts from the server's certificate (and the intermediate ones after it) and its private key.
    pub fn builder(certificate: impl Into<Pem>, key: impl Into<Pem>) -> TlsServerBuilder {
        TlsServerBuilder {
            certificate: certificate.into(),
            key: key.into(),
            client_authority: None,
            client_optional: false,
        }
    }

    /// Reads the files, and asks clients for certificates if there is an authority for them: the short form of
    /// [`builder`](Self::builder), for settings.
    ///
    /// # Errors
    /// As [`TlsServerBuilder::build`].
    pub fn from_files(
        certificate: impl Into<Pem>,
        key: impl Into<Pem>,
        client_authority: Option<impl Into<Pem>>,
    ) -> Result<Self, TlsError> {
        let client_authority = client_authority.map(Into::into);
        TlsServerBuilder { client_authority, ..Self::builder(certificate, key) }.build()
    }

    /// Reads every file again and serves the new certificate from the next handshake on. Connections that stand are not
    /// touched; none can be resumed without a whole handshake, so a changed client authority holds at once for all new
    /// ones.
    ///
    /// It reads files: in an async program, call it on the blocking pool.
    ///
    /// # Errors
    /// As [`TlsServerBuilder::build`]; the old certificate stays then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.swap(source.config()?);
        Ok(())
    }

    /// Serves another certificate from the next handshake on, and reloads that one later.
    ///
    /// # Errors
    /// As [`TlsServerBuilder::build`]; the old certificate stays then.
    pub fn replace(&self, certificate: impl Into<Pem>, key: impl Into<Pem>) -> Result<(), TlsError> {
        let mut source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        let next = TlsServerBuilder { certificate: certificate.into(), key: key.into(), ..source.clone() };
        self.swap(next.config()?);
        *source = next;
        Ok(())
    }

    fn swap(&self, config: Arc<ServerConfig>) {
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The configuration in use now, for whoever drives rustls directly.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shakes hands with a client that has connected; [`Identity::of_client`] then says who it is. The deadline is the
    /// caller's; dropping the future ends the handshake.
    ///
    /// # Errors
    /// [`TlsError::Handshake`] if the client speaks no TLS 1.3 or its certificate is missing or not trusted;
    /// [`TlsError::Malformed`] if the certificate is trusted, but does not tell who the client is; [`TlsError::Io`] if the
    /// connection fails.
    pub async fn accept<S>(&self, stream: S) -> Result<ServerStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsAcceptor::from(self.config()).accept(stream).await.map_err(TlsError::of_handshake)?;
        // So that a client with a certificate is never taken for one without.
        Identity::read(&stream)?;
        Ok(stream)
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

/// Says what a [`TlsServer`] serves and whom it trusts.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `build`"]
pub struct TlsServerBuilder {
    certificate: Pem,
    key: Pem,
    client_authority: Option<Pem>,
    client_optional: bool,
}

impl TlsServerBuilder {
    /// Asks every client for a certificate that one of these authorities has signed (mutual TLS), and refuses those who
    /// have none.
    pub fn client_authority(mut self, authority: impl Into<Pem>) -> Self {
        self.client_authority = Some(authority.into());
        self
    }

    /// Lets clients without a certificate in as well; one that shows a certificate must still show a good one. Says
    /// nothing without a [`client_authority`](Self::client_authority).
    pub fn client_optional(mut self) -> Self {
        self.client_optional = true;
        self
    }

    /// Reads the certificates and keys and checks them: whether they are there, belong together and are valid now.
    ///
    /// # Errors
    /// A [`TlsError`] that names the file and what is wrong.
    pub fn build(self) -> Result<TlsServer, TlsError> {
        let config = self.config()?;
        Ok(TlsServer(Arc::new(Inner { source: Mutex::new(self), config: RwLock::new(config) })))
    }

    fn config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Config)?;
        let builder = match &self.client_authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authority.roots()?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let verifier = if self.client_optional { verifier.allow_unauthenticated() } else { verifier };
                let refused = |error: rustls::server::VerifierBuilderError| TlsError::Malformed {
                    source: authority.to_string(),
                    why: error.to_string(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(refused)?)
            }
        };
        let config = builder.with_single_cert(self.certificate.chain()?, self.key.key()?);
        Ok(Arc::new(config.map_err(|error| own_key(error, &self.certificate, &self.key))?))
    }
}
