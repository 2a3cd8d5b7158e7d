use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::gateway::Inner;
use super::origin::{Asker, permitted};
use super::refused::Refused;
use super::{call, channel, page, tunnel, who};
use crate::error::Code;
use crate::rpc::{Shape, Status};
use crate::server::Endpoint;
use crate::server::visit::Visitor;

/// Where the protocol itself is spoken, V2 and V3: a WebSocket whose binary messages are its bytes.
pub const PROTOCOL: &str = "/asyncaproto";

/// One handler for all paths: which there are is the server's to say.
pub(super) fn router(gateway: Arc<Inner>) -> Router {
    let enter = |State(gateway): State<Arc<Inner>>, request: Request| enter(gateway, request);
    Router::new().fallback(enter).with_state(gateway)
}

/// Answers a request.
pub(super) async fn enter(gateway: Arc<Inner>, request: Request) -> Response {
    let settings = &gateway.settings;
    let own = request.extensions().get::<Visitor>().and_then(Visitor::endpoint);
    let secure = own.is_some_and(|endpoint| matches!(**endpoint, Endpoint::Tls(_)));
    let mut response = match Asker::of(request.headers(), &settings.origins, secure) {
        Err(refused) => refused.into_response(settings),
        Ok(asker) => {
            let answered = answer(&gateway, request, &asker).await;
            let mut response = answered.unwrap_or_else(|refused| refused.into_response(settings));
            if let Asker::Allowed(origin) = asker {
                response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            response
        }
    };
    let headers = response.headers_mut();
    if !settings.origins.is_empty() {
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn answer(gateway: &Arc<Inner>, request: Request, asker: &Asker) -> Result<Response, Refused> {
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return preflight(&parts, asker);
    }
    let is_get = matches!(parts.method, Method::GET | Method::HEAD);
    let upgrades = parts.method == Method::GET && parts.headers.contains_key(header::UPGRADE);
    if is_get
        && gateway.settings.page
        && let Some(response) = page::find(&parts)
    {
        return Ok(response);
    }
    if upgrades && parts.uri.path() == PROTOCOL {
        let visitor = who::visitor(gateway, &parts)?;
        return tunnel::open(gateway, visitor, &mut parts).await;
    }
    let target = target(parts.uri.path())?;
    let Some(shape) = gateway.handle.shape_of(&target) else {
        if parts.uri.path() == PROTOCOL {
            return Err(Refused::method("WebSockets alone"));
        }
        let message = format!("there is no function `{}`", target.escape_debug());
        return Err(Status::new(Code::FunctionUnknown).message(message).into());
    };
    match shape {
        Shape::ClientStream | Shape::Duplex if upgrades => {
            let visitor = who::visitor(gateway, &parts)?;
            channel::open(gateway, visitor, &mut parts, target).await
        }
        Shape::ClientStream | Shape::Duplex => Err(Refused::new(
            StatusCode::UPGRADE_REQUIRED,
            Code::RequestMalformed,
            "the function takes a stream of items: it is called by a WebSocket",
        )),
        Shape::Unary | Shape::ServerStream if parts.method == Method::POST => {
            let visitor = who::visitor(gateway, &parts)?;
            call::answer(gateway, &visitor, parts, body, &target, shape).await
        }
        Shape::Unary | Shape::ServerStream => Err(Refused::method("POST")),
    }
}

/// The function that a path names: `/function`, `/group/function`, `/outer.inner/function`.
fn target(path: &str) -> Result<String, Refused> {
    let unknown = || {
        let message = "a function's path is `/function` or `/group/function`";
        Refused::from(Status::new(Code::FunctionUnknown).message(message))
    };
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.strip_prefix('/').unwrap_or(path).bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                match (digit(bytes.next()), digit(bytes.next())) {
                    (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
                    _ => return Err(unknown()),
                }
            }
            b'/' => decoded.push(b'.'),
            byte => decoded.push(byte),
        }
    }
    let segments = path.split('/').skip(1).collect::<Vec<_>>();
    let named = matches!(segments[..], [one] if !one.is_empty())
        || matches!(segments[..], [group, function] if !group.is_empty() && !function.is_empty());
    match String::from_utf8(decoded) {
        Ok(target) if named => Ok(target),
        _ => Err(unknown()),
    }
}

/// Tells a browser what a page of another origin may send.
fn preflight(parts: &Parts, asker: &Asker) -> Result<Response, Refused> {
    let Asker::Allowed(_) = asker else { return Err(Refused::method("POST")) };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Ok(names) = HeaderValue::from_str(&permitted(&parts.headers)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_function() {
        assert_eq!(target("/sum").unwrap(), "sum");
        assert_eq!(target("/math/sum").unwrap(), "math.sum");
        assert_eq!(target("/math.trig/sine").unwrap(), "math.trig.sine");
        assert_eq!(target("/m%c3%a4th/sum").unwrap(), "m\u{e4}th.sum");
        for wrong in ["/", "", "//sum", "/math/", "/a/b/c", "/%", "/%g0", "/%ff"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
