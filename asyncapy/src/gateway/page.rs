use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// Everything comes from here, and nothing that a function gives can run as a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; img-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// The file of the page that a path names.
pub(super) fn find(parts: &Parts) -> Option<Response> {
    let (kind, text) = match parts.uri.path() {
        "/" => ("text/html; charset=utf-8", include_str!("page/page.html")),
        "/page.js" => ("text/javascript; charset=utf-8", include_str!("page/page.js")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page/page.css")),
        "/asyncaproto.js" => ("text/javascript; charset=utf-8", include_str!("page/asyncaproto.js")),
        "/page.svg" => ("image/svg+xml", include_str!("page/page.svg")),
        _ => return None,
    };
    let mut text = text.to_owned();
    if parts.uri.path() == "/"
        && let Some(base) = base(parts)
    {
        text = text.replacen("<head>", &format!("<head>\n<base href=\"{base}\">"), 1);
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(response)
}

/// What the page's own paths begin with, where the router is nested and the path of the page does not end with a slash.
fn base(parts: &Parts) -> Option<String> {
    let whole = parts.extensions.get::<OriginalUri>()?.0.path();
    let last = whole.rsplit('/').next().filter(|last| !last.is_empty())?;
    let plain = last.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte));
    plain.then(|| format!("{last}/"))
}
