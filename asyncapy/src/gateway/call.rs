use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::asked::Asked;
use super::body;
use super::gateway::Inner;
use super::items::{Form, ItemStream};
use super::refused::Refused;
use crate::error::Code;
use crate::rpc::relay::{Item, Relay, RelayedCall};
use crate::rpc::{Shape, Status};
use crate::server::visit::Visitor;

/// Answers a call with its result, or with its items as they come.
pub(super) async fn answer(
    gateway: &Inner,
    visitor: &Visitor,
    parts: Parts,
    body: Body,
    target: &str,
    shape: Shape,
) -> Result<Response, Refused> {
    let asked = Asked::of(&parts.headers)?;
    let arguments = body::read(gateway, &parts.headers, body).await?;
    let call = RelayedCall {
        target,
        arguments: &arguments,
        deadline: asked.deadline,
        metadata: &asked.metadata,
        ends: true,
    };
    gateway.check_size(&call)?;
    let peer = gateway.session(visitor, asked.hello()).await?;
    let mut relay = Relay::open(&peer, call).await?;
    if shape == Shape::ServerStream {
        let form = Form::wanted(&parts.headers);
        // The place is held as long as the stream lasts.
        let stream = ItemStream::begin(relay, visitor.clone(), form, gateway.settings.keep_alive).await?;
        let mut response = Response::new(Body::from_stream(stream));
        response.headers_mut().insert(header::CONTENT_TYPE, form.content_type());
        return Ok(response);
    }
    let (content_type, payload) = written(relay.result().await?)?;
    let mut response = Response::new(Body::from(payload));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

/// A result as it stands in the body, with its content type.
fn written(result: Item) -> Result<(&'static str, Bytes), Refused> {
    match result.json() {
        None => Ok(("application/octet-stream", result.payload)),
        Some(Ok(json)) => Ok(("application/json", json)),
        Some(Err(error)) => {
            tracing::error!(part = "Response handler", %error, "A result has no form in JSON");
            Err(Status::new(Code::HandlerFailed).into())
        }
    }
}

/// Whether a client accepts a content type, and says so by its name.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}
