use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::refused::Refused;
use crate::error::{Code, Error, Result};

/// Where a page in a browser comes from: `https://app.example.com`, in small letters, without a port that goes without
/// saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    /// Name or address, and the port if it is said.
    authority: String,
}

impl Origin {
    /// Reads what a setting says.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| {
            Error::Config(format!(
                "{text:?} is no origin: one looks like `https://app.example.com` or `http://10.0.0.5:3000`"
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (scheme, authority) = lower.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let authority = authority.strip_suffix(default_port(scheme)).unwrap_or(authority);
        let sound = !authority.is_empty()
            && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        sound.then(|| Self { scheme: scheme.to_owned(), authority: authority.to_owned() })
    }

    /// Whether it is this very host, as far as the host cannot be mistaken: an address, or the machine itself. A name may
    /// point to anybody's address, so that a page of a foreign site would pass for ours (DNS rebinding).
    fn is_host(&self, host: &str, secure: bool) -> bool {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(default_port(&self.scheme)).unwrap_or(&host);
        // Without TLS of our own, a proxy may have ended it.
        let same_scheme = self.scheme == "https" || !secure;
        same_scheme && self.authority == host && names_address(&self.authority)
    }
}

/// The port that goes without saying, as it would be said.
fn default_port(scheme: &str) -> &'static str {
    if scheme == "https" { ":443" } else { ":80" }
}

/// Whether an authority has an address for a host, or the one name that always means the machine itself.
fn names_address(authority: &str) -> bool {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok());
    }
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

/// What the Origin header of a request says of who asks.
#[derive(Debug)]
pub(super) enum Asker {
    /// No browser, or a page of our own.
    Own,
    /// A page that may, and is told so.
    Allowed(HeaderValue),
}

impl Asker {
    /// Judges a request, which came over TLS or not. Browsers say where the page comes from that asks; what is no browser
    /// need not.
    ///
    /// `Host` and `Origin` stand once: where one stands twice, some other may have read the other.
    pub(super) fn of(headers: &HeaderMap, origins: &[Origin], secure: bool) -> Result<Self, Refused> {
        for name in [header::HOST, header::ORIGIN] {
            if headers.get_all(&name).iter().nth(1).is_some() {
                return Err(Refused::header(name.as_str(), "it stands more than once"));
            }
        }
        let Some(value) = headers.get(header::ORIGIN) else { return Ok(Asker::Own) };
        let origin = value.to_str().ok().and_then(Origin::read);
        if origin.as_ref().is_some_and(|origin| origins.contains(origin)) {
            return Ok(Asker::Allowed(value.clone()));
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match (origin, host) {
            (Some(origin), Some(host)) if origin.is_host(host, secure) => Ok(Asker::Own),
            _ => Err(Refused::new(
                StatusCode::FORBIDDEN,
                Code::Unauthorized,
                "pages of this origin may not call: `allow_origin` of the gateway names those that may",
            )),
        }
    }
}

/// Headers that a page of another origin may send.
const HEADERS: [&str; 8] = [
    "content-type",
    "accept",
    "authorization",
    "x-api-key",
    "x-timeout-ms",
    "grpc-timeout",
    "traceparent",
    "tracestate",
];

/// Which of the headers that a page asks for it may send.
pub(super) fn permitted(asked: &HeaderMap) -> String {
    let asked = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).into_iter();
    let names = asked.filter_map(|value| value.to_str().ok()).flat_map(|names| names.split(','));
    let names = names.map(|name| name.trim().to_ascii_lowercase());
    let may = |name: &String| HEADERS.contains(&name.as_str()) || name.starts_with(super::asked::META);
    names.filter(may).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(origin: &'static str, host: &'static str) -> Option<bool> {
        judge_over(false, origin, host)
    }

    fn judge_over(secure: bool, origin: &'static str, host: &'static str) -> Option<bool> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(header::HOST, HeaderValue::from_static(host));
        let listed = [Origin::parse("https://App.example.com:443").unwrap()];
        match Asker::of(&headers, &listed, secure) {
            Ok(Asker::Own) => Some(true),
            Ok(Asker::Allowed(_)) => Some(false),
            Err(_) => None,
        }
    }

    #[test]
    fn pages_of_ones_own_and_of_the_list_may() {
        assert_eq!(judge("http://127.0.0.1:8080", "127.0.0.1:8080"), Some(true));
        assert_eq!(judge("http://LOCALHOST", "localhost:80"), Some(true));
        assert_eq!(judge("http://[::1]:8080", "[::1]:8080"), Some(true));
        assert_eq!(judge("https://app.example.com", "api.example.com"), Some(false));
    }

    #[test]
    fn all_others_may_not() {
        assert_eq!(judge("http://evil.example", "127.0.0.1:8080"), None);
        assert_eq!(judge("http://127.0.0.1:8081", "127.0.0.1:8080"), None);
        assert_eq!(judge("http://app.example.com", "api.example.com"), None);
        assert_eq!(judge("null", "127.0.0.1:8080"), None);
        assert_eq!(judge("http://127.0.0.1", "127.0.0.1:443"), None, "another port");
        // A foreign name that was pointed at our address.
        assert_eq!(judge("http://evil.example:8080", "evil.example:8080"), None);
    }

    #[test]
    fn a_page_that_came_without_tls_is_not_the_one_with_it() {
        assert_eq!(judge_over(true, "https://127.0.0.1", "127.0.0.1"), Some(true));
        assert_eq!(judge_over(true, "http://127.0.0.1", "127.0.0.1"), None);
        // A proxy may have ended TLS.
        assert_eq!(judge_over(false, "https://10.0.0.5", "10.0.0.5"), Some(true));
    }

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        for name in [header::HOST, header::ORIGIN] {
            let mut headers = HeaderMap::new();
            headers.append(&name, HeaderValue::from_static("http://127.0.0.1"));
            assert!(Asker::of(&headers, &[], false).is_ok() || name == header::ORIGIN);
            headers.append(&name, HeaderValue::from_static("http://127.0.0.1"));
            let refused = Asker::of(&headers, &[], false).unwrap_err();
            assert_eq!(refused.status().field.as_deref(), Some(name.as_str()));
        }
    }

    #[test]
    fn what_is_no_origin_is_told() {
        for text in ["", "*", "null", "example.com", "ftp://example.com", "https://example.com/", "https://"]
        {
            let error = Origin::parse(text).unwrap_err().to_string();
            assert!(error.contains("is no origin"), "{error}");
        }
    }

    #[test]
    fn a_preflight_grants_no_more_than_there_is() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("Content-Type, cookie,x-meta-tenant"),
        );
        assert_eq!(permitted(&headers), "content-type, x-meta-tenant");
    }
}
