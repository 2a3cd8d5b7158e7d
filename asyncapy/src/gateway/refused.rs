use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::settings::Settings;
use crate::error::Code;
use crate::rpc::Status;

/// Why a request is answered with no result.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    status: Box<Status>,
    /// The HTTP status, where it says more than the code.
    http: Option<StatusCode>,
    /// The methods that would do.
    allow: Option<&'static str>,
    /// Whether the connection is of no use any more.
    closes: bool,
}

impl Refused {
    pub(super) fn new(http: StatusCode, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let status = Status::new(code).message(message.into());
        Self { status: Box::new(status), http: Some(http), allow: None, closes: false }
    }

    /// A header that cannot be read.
    pub(super) fn header(name: &str, message: &'static str) -> Self {
        Status::new(Code::FieldInvalid).field(name).message(message).into()
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("this path takes {allow}");
        let refused = Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::RequestMalformed, message);
        Self { allow: Some(allow), ..refused }
    }

    /// The same where the rest of the request was not read.
    pub(super) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> &Status {
        &self.status
    }

    pub(super) fn http(&self, settings: &Settings) -> StatusCode {
        self.http.unwrap_or_else(|| status_of(&self.status.code, settings))
    }

    pub(super) fn into_response(self, settings: &Settings) -> Response {
        let http = self.http(settings);
        let mut response = Response::new(Body::from(text(&self.status)));
        *response.status_mut() = http;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(http, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if http == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self { status: Box::new(status), http: None, allow: None, closes: false }
    }
}

/// The body of a failure.
#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<serde_json::Value>,
}

/// A failure as JSON: `{"error", "message", "field", "details"}`, those that there are.
pub(super) fn text(status: &Status) -> String {
    let told = Told {
        error: status.code.as_str(),
        message: status.message.as_deref(),
        field: status.field.as_deref(),
        details: status.details().ok(),
    };
    // It has text alone, and a value that was JSON or can be.
    serde_json::to_string(&told).unwrap_or_else(|_| format!(r#"{{"error":"{}"}}"#, Code::HandlerFailed))
}

/// The HTTP status that a code is answered with.
pub(super) fn status_of(code: &Code, settings: &Settings) -> StatusCode {
    if let Some(status) = settings.statuses.get(code) {
        return *status;
    }
    match code {
        Code::RequestMalformed
        | Code::HeaderInvalid
        | Code::PayloadTooComplex
        | Code::FieldMissing
        | Code::FieldInvalid
        | Code::FieldUnknown
        | Code::FieldDuplicate
        | Code::SealInvalid => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::FunctionPrivate | Code::SealRequired => StatusCode::FORBIDDEN,
        Code::FunctionUnknown | Code::NoHandler => StatusCode::NOT_FOUND,
        Code::TimedOut | Code::ReaderTooSlow => StatusCode::REQUEST_TIMEOUT,
        Code::PacketTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        // What the function itself refuses.
        Code::Custom(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Code::SessionLimitReached | Code::TooManyConnections | Code::TooManyStreams | Code::TooManyFrames => {
            StatusCode::TOO_MANY_REQUESTS
        }
        // What proxies say of a client that has gone; nobody is there to read it.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::HandlerFailed | Code::HandlerPanicked | Code::ProtocolViolation | Code::FlowControl => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Code::Overloaded | Code::ShuttingDown | Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded | Code::HandlerTimedOut => StatusCode::GATEWAY_TIMEOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_the_table() {
        let chapter = include_str!("../../docs/gateway.md");
        let mut rows = 0;
        for line in chapter.lines().filter(|line| line.starts_with("| `ERR_")) {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (codes, status) = (cells.next().unwrap(), cells.next().unwrap());
            for code in codes.split(", ") {
                let code = Code::from(code.trim_matches('`'));
                assert!(!matches!(code, Code::Custom(_)), "{code}");
                let found = status_of(&code, &Settings::default()).as_u16();
                assert_eq!(found.to_string(), status, "{code}");
                rows += 1;
            }
        }
        assert_eq!(rows, 30);
    }

    #[test]
    fn a_failure_says_what_there_is() {
        let status = Status::new(Code::FieldMissing).field("a").message("say \"a\"\n");
        assert_eq!(text(&status), r#"{"error":"ERR_FIELD_MISSING","message":"say \"a\"\n","field":"a"}"#);
        assert_eq!(text(&Status::new(Code::Overloaded)), r#"{"error":"ERR_OVERLOADED"}"#);
        assert_eq!(
            status_of(&Code::custom("ERR_BAD_PIN"), &Settings::default()),
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}
