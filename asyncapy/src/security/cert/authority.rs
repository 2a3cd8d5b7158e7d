use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName};

use super::validity::now;
use super::{CertError, Issued, Validity};
use crate::security::tls::der::Certificate;

/// The name of the authority's two files.
const FILES: &str = "authority";

/// A certificate authority of one's own: it signs certificates for servers and clients, which trust one another because
/// they trust it. For development, tests and a handful of machines; the public web needs a public one.
///
/// ```
/// use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::create("my machines", Validity::AUTHORITY)?;
/// let server = authority.issue_server(&["localhost", "127.0.0.1"], Validity::SERVER)?;
/// let server = TlsServer::builder(Pem::text(server.certificate()), Pem::text(server.key())).build()?;
/// let client = TlsClient::builder(Pem::text(authority.certificate())).build()?;
/// # Ok(())
/// # }
/// ```
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    own: Issued,
    // Name and last second of its certificate, to check and bound the ones it signs.
    subject: Vec<u8>,
    not_after: u64,
}

impl Authority {
    /// Makes an authority with a new key (ECDSA P-256). Its certificate may sign others, but no further authorities.
    ///
    /// # Errors
    /// [`CertError::Name`] if the name is empty, over 64 characters long or holds control characters;
    /// [`CertError::Failed`].
    pub fn create(name: &str, validity: Validity) -> Result<Self, CertError> {
        let (not_before, not_after) = validity.span();
        let mut params = params(name)?;
        params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(not_before);
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(not_after);
        authorize(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let own = Issued { certificate: certificate.pem(), key: key.serialize_pem() };
        let subject = read(certificate.der())?.subject.to_vec();
        Ok(Self { issuer: Issuer::new(params, key), own, subject, not_after })
    }

    /// Reads the authority that [`save`](Self::save) wrote into the directory: `authority.pem`, `authority.key`.
    ///
    /// # Errors
    /// [`CertError::File`], or [`CertError::Malformed`] if a file is damaged, the two do not belong together, the
    /// certificate is of another make, or it has expired.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, CertError> {
        let path = |ending: &str| directory.as_ref().join(format!("{FILES}.{ending}"));
        let (certificate_path, key_path) = (path("pem"), path("key"));
        let own = Issued { certificate: text(&certificate_path)?, key: text(&key_path)? };
        let malformed =
            |path: &PathBuf, why: &str| CertError::Malformed { path: path.clone(), why: why.to_owned() };

        let key = KeyPair::from_pem(&own.key).map_err(|_| malformed(&key_path, "holds no private key"))?;
        let der = CertificateDer::from_pem_slice(own.certificate.as_bytes())
            .map_err(|_| malformed(&certificate_path, "holds no certificate"))?;
        let certificate =
            read(&der).map_err(|_| malformed(&certificate_path, "the certificate cannot be read"))?;
        let [name] = &*certificate.common_names else {
            return Err(malformed(&certificate_path, "is not of an authority that this program made"));
        };
        if certificate.public_key != key.subject_public_key_info() {
            return Err(malformed(&key_path, "is not the private key of the authority's certificate"));
        }
        let not_after = u64::try_from(certificate.not_after).unwrap_or(0);
        if not_after < now() {
            return Err(malformed(&certificate_path, "the authority's certificate has expired"));
        }
        let mut params = params(name)?;
        authorize(&mut params);
        let subject = certificate.subject.to_vec();
        Ok(Self { issuer: Issuer::new(params, key), own, subject, not_after })
    }

    /// Writes `authority.pem` and `authority.key` into the directory, the key readable for its owner only. Never
    /// overwrites: an authority that is lost takes all its certificates with it.
    ///
    /// # Errors
    /// [`CertError::Exists`], [`CertError::File`].
    pub fn save(&self, directory: impl AsRef<Path>) -> Result<(PathBuf, PathBuf), CertError> {
        self.own.save(directory, FILES)
    }

    /// The authority's certificate in PEM: what servers and clients are told to trust.
    pub fn certificate(&self) -> &str {
        self.own.certificate()
    }

    /// A certificate for a server that is reached by these names: host names, with a wildcard if need be, and addresses.
    ///
    /// # Errors
    /// [`CertError::Name`] if there is no name or one is neither a host name nor an address; [`CertError::Failed`].
    pub fn issue_server(&self, names: &[impl AsRef<str>], validity: Validity) -> Result<Issued, CertError> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let Some(first) = names.first() else {
            return Err(CertError::Name {
                name: String::new(),
                why: "is missing: a server has at least one",
            });
        };
        for name in &names {
            let host = name.strip_prefix("*.").unwrap_or(name);
            if name.parse::<IpAddr>().is_err() && DnsName::try_from(host).is_err() {
                return Err(CertError::Name {
                    name: (*name).to_owned(),
                    why: "is neither a host name nor an address",
                });
            }
        }
        // The common name is only for people here; a host name may be too long for one.
        let common: String = first.chars().take(64).collect();
        let mut params = params(&common)?;
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        params.subject_alt_names = CertificateParams::new(owned)?.subject_alt_names;
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
        self.issue(params, validity)
    }

    /// A certificate for a client of this name, which a server reads as [`Identity::name`](super::super::Identity::name).
    ///
    /// # Errors
    /// [`CertError::Name`] if the name is empty, over 64 characters long or holds control characters;
    /// [`CertError::Failed`].
    pub fn issue_client(&self, name: &str, validity: Validity) -> Result<Issued, CertError> {
        let mut params = params(name)?;
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
        self.issue(params, validity)
    }

    fn issue(&self, mut params: CertificateParams, validity: Validity) -> Result<Issued, CertError> {
        let (not_before, not_after) = validity.span();
        params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(not_before);
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(not_after.min(self.not_after));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        // An authority made elsewhere may write the same name in another way, and then nobody would find it.
        if read(certificate.der())?.issuer != self.subject {
            return Err(CertError::Failed(
                "the authority's name is not written as this program writes it".into(),
            ));
        }
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.own.certificate).finish_non_exhaustive()
    }
}

/// A certificate whose subject is the common name and nothing else.
fn params(name: &str) -> Result<CertificateParams, CertError> {
    let why = match name.chars().count() {
        0 => "is empty",
        // RFC 5280, ub-common-name.
        65.. => "is longer than 64 characters",
        _ if name.chars().any(char::is_control) => "holds control characters",
        _ => {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            return Ok(params);
        }
    };
    Err(CertError::Name { name: name.to_owned(), why })
}

fn authorize(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
}

fn text(path: &Path) -> Result<String, CertError> {
    fs::read_to_string(path).map_err(|error| CertError::File { path: path.to_owned(), error })
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Result<Certificate<'a>, CertError> {
    Certificate::read(der).ok_or_else(|| CertError::Failed("the certificate cannot be read".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::scratch::Scratch;

    fn der(issued: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(issued.as_bytes()).unwrap()
    }

    #[test]
    fn an_authority_survives_the_disk() {
        let scratch = Scratch::new();
        let made = Authority::create("Jürgen's machines", Validity::AUTHORITY).unwrap();
        made.save(scratch.path("ca")).unwrap();
        assert!(matches!(made.save(scratch.path("ca")), Err(CertError::Exists(_))));
        let opened = Authority::open(scratch.path("ca")).unwrap();
        assert_eq!(opened.certificate(), made.certificate());
        let authority = der(made.certificate());
        let leaf = der(opened.issue_client("a", Validity::CLIENT).unwrap().certificate());
        assert_eq!(read(&leaf).unwrap().issuer, read(&authority).unwrap().subject);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let scratch = Scratch::new();
        let told = |file: &str, why: &str| {
            let error = Authority::open(scratch.path("")).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(why), "{error}");
        };
        told("authority.pem", "No such file");
        let one = Authority::create("one", Validity::AUTHORITY).unwrap();
        let two = Authority::create("two", Validity::AUTHORITY).unwrap();
        one.save(scratch.path("")).unwrap();
        fs::write(scratch.path("authority.key"), two.own.key()).unwrap();
        told("authority.key", "is not the private key");
        fs::write(scratch.path("authority.key"), "").unwrap();
        told("authority.key", "holds no private key");
        fs::write(scratch.path("authority.key"), one.own.key()).unwrap();
        fs::write(scratch.path("authority.pem"), one.own.key()).unwrap();
        told("authority.pem", "holds no certificate");
    }

    #[test]
    fn a_leaf_never_outlasts_its_authority() {
        let authority = Authority::create("short", Validity::days(3)).unwrap();
        let own = der(authority.certificate());
        let long = der(authority.issue_client("a", Validity::days(30)).unwrap().certificate());
        let short = der(authority.issue_client("a", Validity::days(2)).unwrap().certificate());
        assert_eq!(read(&long).unwrap().not_after, read(&own).unwrap().not_after);
        let kept = read(&own).unwrap().not_after - read(&short).unwrap().not_after;
        assert!((86_300..=86_500).contains(&kept), "{kept}");
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let authority = Authority::create("a", Validity::AUTHORITY).unwrap();
        let refused =
            |result: Result<Issued, CertError>| assert!(matches!(result, Err(CertError::Name { .. })));
        refused(authority.issue_client("", Validity::CLIENT));
        refused(authority.issue_client("a\nb", Validity::CLIENT));
        refused(authority.issue_client(&"ü".repeat(65), Validity::CLIENT));
        refused(authority.issue_server(&[] as &[&str], Validity::SERVER));
        for name in ["", "a b", "*", "*.*.a", "a:80", "http://a", "ü.example", "300.1.1.1"] {
            refused(authority.issue_server(&["localhost", name], Validity::SERVER));
        }
        authority.issue_client(&"ü".repeat(64), Validity::CLIENT).unwrap();
        let long = format!("{}.example.org", "a".repeat(63));
        authority.issue_server(&[&*long, "*.example.org", "127.0.0.1", "::1"], Validity::SERVER).unwrap();
    }
}
