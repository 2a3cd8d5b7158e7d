use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

/// A place to listen at or to connect to.
///
/// ```
/// use asyncapy::server::Endpoint;
/// let endpoint: Endpoint = "tcp://127.0.0.1:1500".parse()?;
/// assert_eq!(endpoint, "127.0.0.1:1500".parse()?);
/// assert_eq!(endpoint.to_string(), "tcp://127.0.0.1:1500");
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `host:port` or `tcp://host:port`; port 0 lets the system pick one.
    Tcp(String),
    /// `tls://host:port`.
    Tls(String),
    /// `unix:/path` or `unix:///path`.
    Unix(PathBuf),
}

impl FromStr for Endpoint {
    type Err = Error;

    /// # Errors
    /// [`Error::Config`] says what is allowed.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Config(format!(
                "{text:?} is no endpoint; allowed are host:port, tcp://host:port, tls://host:port, unix:///path"
            ))
        };
        let host = |rest: &str| {
            let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
            let bracketed = host.starts_with('[') && host.ends_with(']');
            if host.is_empty() || (host.contains(':') && !bracketed) || port.parse::<u16>().is_err() {
                return Err(wrong());
            }
            Ok(rest.to_owned())
        };
        match text.split_once(':') {
            Some(("tcp", rest)) if rest.starts_with("//") => host(&rest[2..]).map(Endpoint::Tcp),
            Some(("tls", rest)) if rest.starts_with("//") => host(&rest[2..]).map(Endpoint::Tls),
            Some(("unix", rest)) => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() { Err(wrong()) } else { Ok(Endpoint::Unix(path.into())) }
            }
            _ => host(text).map(Endpoint::Tcp),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(host) => write!(f, "tcp://{host}"),
            Endpoint::Tls(host) => write!(f, "tls://{host}"),
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["tcp://127.0.0.1:0", "tls://[::1]:443", "unix:///run/a.sock", "tcp://localhost:80"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("unix:a.sock".parse::<Endpoint>().unwrap(), Endpoint::Unix("a.sock".into()));
    }

    #[test]
    fn says_what_is_allowed() {
        for text in ["", "localhost", "http://a:1", ":1", "a:b", "::1:80", "tcp://a:70000", "unix:"] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("unix:///path"), "{text}: {error}");
        }
    }
}
