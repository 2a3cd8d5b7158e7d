use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use tokio::time::Instant;

use super::refused::Refused;
use crate::wire::v3::{Credentials, Hello, Metadata, MetadataValue};

/// Headers with this prefix go along as metadata, without it.
pub(super) const META: &str = "x-meta-";

/// Headers that go along as they are: the trace context of W3C.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

const TIMEOUT: &str = "x-timeout-ms";
const GRPC_TIMEOUT: &str = "grpc-timeout";
const API_KEY: &str = "x-api-key";

/// What the headers of a request say of its call.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<Instant>,
    /// The key that shows who asks.
    key: Option<String>,
}

impl Asked {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refused> {
        Ok(Self { metadata: metadata(headers), deadline: deadline(headers)?, key: key(headers) })
    }

    /// What the session says first, where the server asks who comes.
    pub(super) fn hello(&self) -> Option<Hello> {
        let credentials = Credentials { api_key: Some(self.key.clone()?) };
        Some(Hello { credentials: Some(credentials), ..Hello::default() })
    }
}

fn metadata(headers: &HeaderMap) -> Metadata {
    let mut metadata = Metadata::new();
    for name in headers.keys() {
        let key = match name.as_str() {
            name if TRACE.contains(&name) => name,
            name => match name.strip_prefix(META) {
                Some(key) if !key.is_empty() => key,
                _ => continue,
            },
        };
        metadata.insert(key.to_owned(), value_of(headers, name));
    }
    metadata
}

/// The value of a header; one that stands there more than once is one with commas (RFC 9110, 5.3).
fn value_of(headers: &HeaderMap, name: &HeaderName) -> MetadataValue {
    let values: Vec<_> = headers.get_all(name).into_iter().map(|value| value.as_bytes()).collect();
    match String::from_utf8(values.join(&b", "[..])) {
        Ok(text) => MetadataValue::Text(text),
        Err(error) => MetadataValue::Bytes(error.into_bytes()),
    }
}

fn deadline(headers: &HeaderMap) -> Result<Option<Instant>, Refused> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let timeout = if let Some(text) = text(TIMEOUT) {
        let milliseconds: u32 =
            text.parse().map_err(|_| Refused::header(TIMEOUT, "it is no number of milliseconds"))?;
        Duration::from_millis(milliseconds.into())
    } else if let Some(text) = text(GRPC_TIMEOUT) {
        grpc(text).ok_or_else(|| {
            Refused::header(GRPC_TIMEOUT, "it is no number of up to 8 digits with one of H, M, S, m, u, n")
        })?
    } else {
        return Ok(None);
    };
    Ok(Instant::now().checked_add(timeout))
}

/// A timeout as gRPC writes it: up to 8 digits and a unit.
fn grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The key of `Authorization: Bearer` or `X-Api-Key`. Other schemes are the application's own.
fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str())
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    bearer.map(|(_, key)| key.trim()).or_else(|| text(API_KEY)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, &'static str)]) -> Result<Asked, Refused> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        Asked::of(&map)
    }

    #[test]
    fn headers_become_metadata() {
        let asked = asked(&[
            ("x-meta-tenant", "a"),
            ("x-meta-tenant", "b"),
            ("traceparent", "00-1"),
            ("cookie", "c"),
            ("x-meta-", "none"),
        ])
        .unwrap();
        assert_eq!(asked.metadata.len(), 2);
        assert_eq!(asked.metadata.text("tenant"), Some("a, b"));
        assert_eq!(asked.metadata.text("traceparent"), Some("00-1"));
        assert!(asked.hello().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_said_in_either_way() {
        let left = |headers| asked(headers).unwrap().deadline.unwrap() - Instant::now();
        assert_eq!(left(&[("x-timeout-ms", "1500")]), Duration::from_millis(1500));
        assert_eq!(left(&[("grpc-timeout", "2S")]), Duration::from_secs(2));
        for wrong in [("x-timeout-ms", "1s"), ("grpc-timeout", "123456789S"), ("grpc-timeout", "S")] {
            let refused = asked(&[wrong]).unwrap_err();
            assert_eq!(refused.status().field.as_deref(), Some(wrong.0));
        }
    }

    #[test]
    fn a_key_comes_in_either_header() {
        let key = |headers| asked(headers).unwrap().key;
        assert_eq!(key(&[("authorization", "bearer K")]).as_deref(), Some("K"));
        assert_eq!(key(&[("authorization", "Basic B"), ("x-api-key", "K")]).as_deref(), Some("K"));
        assert_eq!(key(&[("authorization", "Basic B")]), None);
    }
}
