use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use super::der::{Certificate, Name};
use super::{ServerStream, TlsError};
use crate::security::hex;

/// Who a peer's certificate says it is. Cheap to clone; two are equal if they come from the same certificate.
///
/// An identity that [`of_client`](Self::of_client) returns has been verified: an authority that the
/// server trusts has signed it, and the peer has shown that it holds the key.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    der: CertificateDer<'static>,
    fingerprint: String,
    name: Option<String>,
    names: Vec<Name>,
    not_after: i64,
}

impl Identity {
    /// Who the client at the other end is; `None` if it has shown no certificate. The handshake has verified it.
    pub fn of_client<S>(stream: &ServerStream<S>) -> Option<Self> {
        // An unreadable certificate did not pass `accept`.
        Self::read(stream).ok().flatten()
    }

    pub(super) fn read<S>(stream: &ServerStream<S>) -> Result<Option<Self>, TlsError> {
        let chain = stream.get_ref().1.peer_certificates();
        chain.and_then(<[_]>::first).map(|certificate| Self::from_der(certificate)).transpose()
    }

    /// Reads the identity in a DER certificate. It verifies nothing.
    ///
    /// # Errors
    /// [`TlsError::Malformed`] if the bytes are no certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, TlsError> {
        let malformed = || TlsError::Malformed {
            source: "the peer's certificate".into(),
            why: "it cannot be read".into(),
        };
        let certificate = Certificate::read(der).ok_or_else(malformed)?;
        // Of several names none is the right one: an authority that can be made to sign a second name must not decide
        // who somebody is.
        let name = <[String; 1]>::try_from(certificate.common_names).ok().map(|[name]| name);
        Ok(Self(Arc::new(Inner {
            fingerprint: hex::encode(&Sha256::digest(der)),
            name,
            names: certificate.names,
            not_after: certificate.not_after,
            der: CertificateDer::from(der.to_vec()),
        })))
    }

    /// The subject's common name; `None` if the certificate has none, or several.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The subject's alternative names, in the certificate's order. The common name is not among them unless the
    /// authority put it there.
    pub fn names(&self) -> &[Name] {
        &self.0.names
    }

    /// The SHA-256 of the certificate, in 64 lowercase hexadecimal digits, as `openssl x509 -fingerprint -sha256` shows
    /// it without its colons.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// The certificate's last second of validity.
    pub fn valid_until(&self) -> SystemTime {
        // What does not fit is either 1970 or out of the clock's reach, which no certificate of use is.
        let since = u64::try_from(self.0.not_after).unwrap_or(0);
        UNIX_EPOCH.checked_add(Duration::from_secs(since)).unwrap_or(UNIX_EPOCH)
    }

    /// The certificate itself, in DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.der.hash(state);
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.0.name)
            .field("names", &self.0.names)
            .field("fingerprint", &self.0.fingerprint)
            .finish_non_exhaustive()
    }
}
