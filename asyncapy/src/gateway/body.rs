use std::future::poll_fn;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use super::gateway::Inner;
use super::refused::Refused;
use crate::error::Code;
use crate::rpc::Status;

/// Reads the arguments of a call: JSON, no longer than a packet may be and no slower than one may come.
pub(super) async fn read(gateway: &Inner, headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
    let limit = gateway.body_limit();
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let announced: usize = announced.unwrap_or(0);
    if announced > limit {
        return Err(too_large(limit));
    }
    let length = u32::try_from(announced).unwrap_or(u32::MAX);
    let time = gateway.handle.limits().packet_deadline(length);
    let collected = tokio::time::timeout(time, collect(body, limit)).await;
    let bytes = collected.unwrap_or_else(|_| {
        Err(Refused::from(Status::new(Code::TimedOut).message("the request took too long")).closing())
    })?;
    if !bytes.is_empty() && !is_json(headers) {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::RequestMalformed,
            "arguments are JSON: `Content-Type: application/json`",
        ));
    }
    Ok(bytes)
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Refused> {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(chunk) = poll_fn(|context| Pin::new(&mut chunks).poll_next(context)).await {
        let chunk = chunk.map_err(|_| {
            Refused::from(Status::new(Code::RequestMalformed).message("the request broke off")).closing()
        })?;
        if first.len() + whole.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        // Most come in one piece, which need not be copied.
        if first.is_empty() && whole.is_empty() {
            first = chunk;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&chunk);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn too_large(limit: usize) -> Refused {
    let message = format!("a request has at most {limit} bytes");
    Refused::from(Status::new(Code::PacketTooLarge).message(message)).closing()
}

/// Whether the body is said to be JSON. Pages of foreign origins cannot say so without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
