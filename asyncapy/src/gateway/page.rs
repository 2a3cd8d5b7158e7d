use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// Everything comes from here, and nothing that a function gives can run as a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file of the page that a path names.
pub(super) fn find(parts: &Parts) -> Option<Response> {
    let (kind, text) = match parts.uri.path() {
        "/" => ("text/html; charset=utf-8", include_str!("page/page.html")),
        "/page.js" => ("text/javascript; charset=utf-8", include_str!("page/page.js")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page/page.css")),
        _ => return None,
    };
    // Where the router is nested, the page's own paths need the slash at the end.
    let whole = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.0.path());
    let mut response = Response::new(Body::from(text));
    if parts.uri.path() == "/" && !whole.ends_with('/') {
        response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let last = whole.rsplit('/').next().unwrap_or_default();
        if let Ok(place) = HeaderValue::from_str(&format!("{last}/")) {
            response.headers_mut().insert(header::LOCATION, place);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(response)
}
