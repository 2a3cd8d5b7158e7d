use std::path::PathBuf;

use super::Limits;
use super::logging::LogSettings;
use crate::wire::{ByteOrder, Encoding, HeaderSize};

/// What a server is told before it starts: where it listens, how its packets are framed, its [`Limits`], its log.
///
/// The defaults are those of AsyncAPY's `Server`. With the feature `config` they are read from ini and TOML files and
/// from the environment.
///
/// ```
/// use asyncapy::server::Settings;
/// let settings = Settings::default();
/// assert_eq!((settings.addr.as_str(), settings.port), ("127.0.0.1", 8081));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The address or host name to bind. Default `127.0.0.1`.
    pub addr: String,
    /// The port to bind, 0 for one that the system picks. Default 8081.
    pub port: u16,
    /// The size of the Content-Length header. Default 4 bytes.
    pub header_size: HeaderSize,
    /// The byte order of the Content-Length header. Default big.
    pub byte_order: ByteOrder,
    /// The encoding of what handlers send before a session's first packet has fixed it. Default JSON. (Error packets of
    /// that time are in JSON: protocol V2, rules 2, 4 and 6.)
    pub encoding: Encoding,
    /// Every bound: sizes, deadlines, counts.
    pub limits: Limits,
    /// What the log shows, and how.
    pub logging: LogSettings,
    /// Further places to listen at, as URLs: `tcp://host:port`, `tls://host:port`, `unix:///path`. Default none.
    pub listeners: Vec<String>,
    /// The permissions of the files of UNIX sockets. Default `0o600`: the server's own user alone may connect.
    pub unix_mode: u32,
    /// The files that TLS needs. Default none.
    pub tls: TlsSettings,
}

/// The files that TLS needs, all PEM. A relative path starts at the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// The server's certificate and those that lead to its authority.
    pub cert: Option<PathBuf>,
    /// The certificate's private key.
    pub key: Option<PathBuf>,
    /// The authority that clients' certificates must come from; with it, a client without one is refused.
    pub client_ca: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addr: "127.0.0.1".to_owned(),
            port: 8081,
            header_size: HeaderSize::Four,
            byte_order: ByteOrder::Big,
            encoding: Encoding::Json,
            limits: Limits::default(),
            logging: LogSettings::default(),
            listeners: Vec::new(),
            unix_mode: 0o600,
            tls: TlsSettings::default(),
        }
    }
}

impl Settings {
    /// Every mistake in these settings taken together, a sentence each; none when they are sound.
    pub fn validate(&self) -> Vec<String> {
        let mut mistakes = self.limits.validate(self.header_size);
        if self.addr.trim().is_empty() {
            mistakes.push("`addr` is empty; it takes an address or a host name".to_owned());
        }
        if self.unix_mode > 0o777 {
            mistakes.push(format!("`unix_mode` is {:#o}; permissions go up to 0o777", self.unix_mode));
        }
        if self.tls.cert.is_some() && self.tls.key.is_none() {
            mistakes.push("`tls_cert` is set and `tls_key` is not; TLS needs both".to_owned());
        }
        if self.tls.key.is_some() && self.tls.cert.is_none() {
            mistakes.push("`tls_key` is set and `tls_cert` is not; TLS needs both".to_owned());
        }
        if self.tls.client_ca.is_some() && self.tls.cert.is_none() {
            mistakes
                .push("`tls_client_ca` is set and `tls_cert` is not; only TLS shows certificates".to_owned());
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(Settings::default().validate(), Vec::<String>::new());
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let mut settings = Settings::default();
        settings.tls.cert = Some("server.pem".into());
        assert_eq!(settings.validate(), ["`tls_cert` is set and `tls_key` is not; TLS needs both"]);
        settings.tls.key = Some("server.key".into());
        assert!(settings.validate().is_empty());
    }

    #[test]
    fn mistakes_of_the_limits_are_told_too() {
        let mut settings = Settings { addr: " ".to_owned(), ..Settings::default() };
        settings.limits.buf = 1;
        assert_eq!(settings.validate().len(), 2);
    }
}
