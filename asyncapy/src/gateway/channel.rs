use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};

use super::asked::Asked;
use super::gateway::Inner;
use super::items::base64;
use super::refused::{Refused, text};
use crate::error::Code;
use crate::rpc::Status;
use crate::rpc::relay::{Item, Relay, RelayedCall};
use crate::server::visit::Visitor;

/// How long a function may still run whose caller has closed the socket.
const PARTING: Duration = Duration::from_secs(5);
/// How long the other side has to answer our close.
const CLOSING: Duration = Duration::from_secs(1);
/// After so many unanswered pings the other side is taken for dead, as on any other connection.
const MISSES: u32 = 2;
/// The longest reason that a close can give, in bytes (RFC 6455, 5.5).
const REASON: usize = 123;

/// Opens a channel: items are messages, text for JSON and binary for raw bytes.
pub(super) async fn open(
    gateway: &Arc<Inner>,
    visitor: Visitor,
    parts: &mut Parts,
    target: String,
) -> Result<Response, Refused> {
    let asked = Asked::of(&parts.headers)?;
    let arguments = arguments(parts.uri.query().unwrap_or_default())?;
    let upgrade = upgrade(gateway, parts).await?;
    let call = RelayedCall {
        target: &target,
        arguments: &arguments,
        deadline: asked.deadline,
        metadata: &asked.metadata,
        ends: false,
    };
    gateway.check_size(&call)?;
    let peer = gateway.session(&visitor, asked.hello()).await?;
    let relay = Relay::open(&peer, call).await?;
    drop(peer);
    let gateway = gateway.clone();
    Ok(upgrade.on_upgrade(move |socket| async move {
        carry(&gateway, socket, relay).await;
        drop(visitor);
    }))
}

/// What makes a WebSocket of a request.
pub(super) async fn upgrade(gateway: &Inner, parts: &mut Parts) -> Result<WebSocketUpgrade, Refused> {
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &()).await.map_err(|rejection| {
        Refused::new(StatusCode::BAD_REQUEST, Code::RequestMalformed, rejection.body_text())
    })?;
    // A message is a whole packet at most, with its header.
    let limit = gateway.body_limit().saturating_add(64);
    let hard = gateway.handle.limits().output_hard.max(limit).saturating_add(64 * 1024);
    Ok(upgrade
        .max_message_size(limit)
        .max_frame_size(limit)
        .write_buffer_size(16 * 1024)
        .max_write_buffer_size(hard))
}

/// The arguments of a channel, which stand in the query since a request for a WebSocket has no body.
fn arguments(query: &str) -> Result<Vec<u8>, Refused> {
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("arguments=")) else {
        return Ok(Vec::new());
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
                _ => {
                    let status = Status::new(Code::RequestMalformed);
                    return Err(status.message("the query's `arguments` are not percent-encoded").into());
                }
            },
            b'+' => decoded.push(b' '),
            byte => decoded.push(byte),
        }
    }
    Ok(decoded)
}

/// How the client's side of a channel has ended.
enum Left {
    /// It has closed in good order, and wants no result.
    Closed,
    /// It is not there any more.
    Gone,
    /// What it sent cannot be passed on.
    Failed(Status),
}

/// Carries items both ways until either side has ended.
async fn carry(gateway: &Inner, socket: WebSocket, relay: Relay) {
    let (mut sink, mut stream) = socket.split();
    let missed = AtomicU32::new(0);
    let left = tokio::select! {
        () = outward(gateway, &relay, &mut sink, &missed) => None,
        left = inward(&relay, &mut stream, &missed) => Some(left),
    };
    match left {
        Some(Left::Gone) => return,
        // What it still gives nobody reads, but it may come to its end.
        Some(Left::Closed) => {
            let rest = async { while relay.item().await.is_some() {} };
            if tokio::time::timeout(PARTING, rest).await.is_err() {
                tracing::debug!(
                    part = "Client handler",
                    "A function goes on after its channel was closed; it is cancelled"
                );
            }
            return;
        }
        Some(Left::Failed(status)) => conclude(gateway, Err(&status), &mut sink).await,
        None => {}
    }
    drop(relay);
    let closed = async { while let Some(Ok(_)) = stream.next().await {} };
    if tokio::time::timeout(CLOSING, closed).await.is_err() {
        tracing::debug!(part = "Client handler", "A client does not close its WebSocket");
    }
}

/// What comes goes to the function.
async fn inward(relay: &Relay, stream: &mut SplitStream<WebSocket>, missed: &AtomicU32) -> Left {
    let mut ended = false;
    loop {
        let Some(Ok(message)) = stream.next().await else { return Left::Gone };
        missed.store(0, Ordering::Relaxed);
        let sent = match &message {
            // No JSON is empty: it says that nothing more will be sent.
            Message::Text(text) if text.is_empty() => {
                relay.finish();
                ended = true;
                continue;
            }
            Message::Text(_) | Message::Binary(_) if ended => {
                let status = Status::new(Code::ProtocolViolation);
                return Left::Failed(
                    status.message("an item after the empty message that says there are no more"),
                );
            }
            Message::Text(text) => relay.send(text.as_bytes(), false).await,
            Message::Binary(bytes) => relay.send(bytes, true).await,
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(frame) => {
                let normal = frame.as_ref().is_none_or(|frame| matches!(frame.code, 1000 | 1005));
                relay.finish();
                return if normal { Left::Closed } else { Left::Gone };
            }
        };
        match sent {
            // The function takes nothing more; how it has ended is told by the other direction.
            Ok(_) => {}
            Err(status) => return Left::Failed(status),
        }
    }
}

/// What the function gives goes to the client, and at the end how it has ended.
async fn outward(
    gateway: &Inner,
    relay: &Relay,
    sink: &mut SplitSink<WebSocket, Message>,
    missed: &AtomicU32,
) {
    let interval = gateway.handle.limits().ping_interval;
    loop {
        match tokio::time::timeout(interval, relay.item()).await {
            Err(_) => {
                if missed.fetch_add(1, Ordering::Relaxed) >= MISSES
                    || !put(gateway, sink, Message::Ping(Bytes::new())).await
                {
                    return;
                }
            }
            Ok(Some(item)) => match message(&item) {
                Ok(message) => {
                    if !put(gateway, sink, message).await {
                        return;
                    }
                }
                Err(status) => return conclude(gateway, Err(&status), sink).await,
            },
            Ok(None) => {
                let ended = relay.ended().await;
                return conclude(gateway, ended.as_ref(), sink).await;
            }
        }
    }
}

/// Sends a message; false if the client does not take it.
async fn put(gateway: &Inner, sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    let sent = tokio::time::timeout(gateway.handle.limits().write_stall, sink.send(message)).await;
    if sent.is_err() {
        tracing::warn!(part = "Client handler", code = %Code::ReaderTooSlow, "The client does not read");
    }
    matches!(sent, Ok(Ok(())))
}

fn message(item: &Item) -> Result<Message, Status> {
    match item.json() {
        None => Ok(Message::Binary(item.payload.clone())),
        Some(json) => json_text(json.map_err(|error| error.to_string())).map(Message::Text),
    }
}

fn json_text(json: Result<Bytes, String>) -> Result<Utf8Bytes, Status> {
    let text = json.and_then(|json| Utf8Bytes::try_from(json).map_err(|error| error.to_string()));
    text.map_err(|error| {
        tracing::error!(part = "Response handler", error = ?error, "An item has no form in JSON");
        Status::new(Code::HandlerFailed)
    })
}

/// Tells the result, or why there is none, and closes.
async fn conclude(
    gateway: &Inner,
    ended: Result<&Option<Item>, &Status>,
    sink: &mut SplitSink<WebSocket, Message>,
) {
    let written = ended.map_err(Status::clone).and_then(|result| last(result.as_ref()));
    let (message, frame) = match &written {
        Ok(message) => (message.clone(), CloseFrame { code: 1000, reason: Utf8Bytes::default() }),
        Err(status) => {
            let http = Refused::from(status.clone()).http(&gateway.settings);
            let code = status.code.as_str();
            let reason = if code.len() <= REASON { code.into() } else { Utf8Bytes::default() };
            (text(status).into(), CloseFrame { code: 4000 + http.as_u16(), reason })
        }
    };
    if put(gateway, sink, Message::Text(message)).await {
        put(gateway, sink, Message::Close(Some(frame))).await;
    }
}

/// The last message of a channel that has ended well.
fn last(result: Option<&Item>) -> Result<Utf8Bytes, Status> {
    let mut out = BytesMut::from(&b"{\"result\":"[..]);
    match result.map(|item| item.json().ok_or(item)) {
        None => out.extend_from_slice(b"null"),
        Some(Ok(json)) => {
            let json = json.map_err(|error| error.to_string());
            out.extend_from_slice(json_text(json)?.as_bytes());
        }
        Some(Err(raw)) => {
            out.extend_from_slice(format!("{{\"bytes\":\"{}\"}}", base64(&raw.payload)).as_bytes());
        }
    }
    out.extend_from_slice(b"}");
    json_text(Ok(out.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stand_in_the_query() {
        let read = |query| arguments(query).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(read("").unwrap(), "");
        assert_eq!(read("a=1&arguments=%7B%22room%22:+1%7D").unwrap(), r#"{"room": 1}"#);
        assert!(read("arguments=%7").is_err());
    }
}
