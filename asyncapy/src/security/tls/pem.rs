use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use super::der::Certificate;

/// Where certificates or a private key come from: a file in the PEM format, or such text itself.
///
/// A bare string or path is a file: `"server.pem"`. Text is given by [`Pem::text`].
#[derive(Clone)]
pub struct Pem(Source);

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Text(Arc<str>),
}

impl Pem {
    /// A file. It is read when the configuration is built, and again when it is reloaded.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Text in the PEM format: `-----BEGIN CERTIFICATE-----` and so on.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Source::Text(text.into().into()))
    }

    fn read(&self) -> Result<Cow<'_, [u8]>, TlsError> {
        match &self.0 {
            Source::Text(text) => Ok(Cow::Borrowed(text.as_bytes())),
            Source::File(path) => std::fs::read(path)
                .map(Cow::Owned)
                .map_err(|error| TlsError::Unreadable { source: self.to_string(), error }),
        }
    }

    fn malformed(&self, why: impl fmt::Display) -> TlsError {
        TlsError::Malformed { source: self.to_string(), why: why.to_string() }
    }

    fn missing(&self, what: &str) -> TlsError {
        TlsError::Missing { source: self.to_string(), what: what.to_owned() }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&self.read()?)
            .collect::<Result<_, _>>()
            .map_err(|error| self.malformed(explain(&error)))?;
        if certificates.is_empty() { Err(self.missing("certificate")) } else { Ok(certificates) }
    }

    /// A chain to show to the peer, the first certificate being one's own, and that one valid now.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let chain = self.certificates()?;
        match chain.first().map(|own| Certificate::read(own)) {
            Some(Some(own)) => in_time(own.not_before, own.not_after)
                .map_err(|why| TlsError::Expired { source: self.to_string(), why })?,
            _ => return Err(self.malformed("the first certificate cannot be read")),
        }
        Ok(chain)
    }

    /// Certificates of authorities to trust.
    pub(super) fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).map_err(|error| self.malformed(error))?;
        }
        Ok(roots)
    }

    /// Exactly one certificate.
    pub(super) fn certificate(&self) -> Result<CertificateDer<'static>, TlsError> {
        match <[_; 1]>::try_from(self.certificates()?) {
            Ok([one]) => Ok(one),
            Err(several) => {
                Err(self.malformed(format_args!("holds {} certificates; one is needed", several.len())))
            }
        }
    }

    /// A private key, of any of the three formats: PKCS#8, PKCS#1, SEC1.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = self.read()?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound if text.windows(17).any(|part| part == b"BEGIN ENCRYPTED P") => self
                .malformed("the private key is encrypted; decrypt it first, with `openssl pkey` for example"),
            pem::Error::NoItemsFound => self.missing("private key"),
            error => self.malformed(explain(&error)),
        })
    }
}

/// rustls lists the bytes of the line that is missing or wrong; that line may be part of a key, so it is not repeated.
fn explain(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "is cut off: a section has no end",
        pem::Error::IllegalSectionStart { .. } => "is no PEM: a section begins wrongly",
        pem::Error::Base64Decode(_) => "is no PEM: a section holds something other than base64",
        pem::Error::SectionTooLarge => "is no PEM: a section is too large",
        _ => "is no PEM",
    }
}

/// Whether a validity holds now; in words, why not.
pub(super) fn in_time(not_before: i64, not_after: i64) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let ago = |seconds: i64| match seconds {
        0..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if now > not_after {
        return Err(format!("expired {} ago", ago(now - not_after)));
    }
    if now < not_before {
        return Err(format!("is valid only in {}; is the clock right?", ago(not_before - now)));
    }
    Ok(())
}

impl fmt::Display for Pem {
    /// The path, or that it is text; never the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => path.display().fmt(f),
            Source::Text(_) => f.write_str("the PEM text"),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({self})")
    }
}

impl From<&str> for Pem {
    fn from(path: &str) -> Self {
        Self::file(path)
    }
}

impl From<String> for Pem {
    fn from(path: String) -> Self {
        Self::file(path)
    }
}

impl From<&String> for Pem {
    fn from(path: &String) -> Self {
        Self::file(path)
    }
}

impl From<&PathBuf> for Pem {
    fn from(path: &PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&Path> for Pem {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<PathBuf> for Pem {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}
