use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tokio::time::{Instant, Sleep};

use super::call::accepts;
use super::refused::{Refused, text};
use crate::error::Code;
use crate::rpc::Status;
use crate::rpc::relay::{Item, Relay};
use crate::server::visit::Visitor;

/// How the items of a stream are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Server-sent events.
    Events,
    /// JSON, an item a line.
    Lines,
}

/// How long the first item is waited for before the head is sent: so long, a refusal can still be told by its status.
const FIRST: Duration = Duration::from_millis(250);

/// Bytes that are gathered before they are sent, where so many are there.
const CHUNK: usize = 16 * 1024;

impl Form {
    /// What the client asks for.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        if accepts(headers, "text/event-stream") { Form::Events } else { Form::Lines }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Form::Events => "text/event-stream",
            Form::Lines => "application/x-ndjson",
        })
    }

    fn item(self, item: &Item, out: &mut BytesMut) -> Result<(), Status> {
        let json = match item.json() {
            Some(json) => json.map_err(|error| {
                tracing::error!(part = "Response handler", %error, "An item has no form in JSON");
                Status::new(Code::HandlerFailed)
            })?,
            // Text cannot carry bytes as they are.
            None if self == Form::Events => {
                self.event("bytes", base64(&item.payload).as_bytes(), out);
                return Ok(());
            }
            None => Bytes::from(format!("{{\"bytes\":\"{}\"}}", base64(&item.payload))),
        };
        match self {
            Form::Events => self.event("", &json, out),
            Form::Lines => line(&json, out),
        }
        Ok(())
    }

    fn end(self, result: Result<(), &Status>, out: &mut BytesMut) {
        match (self, result) {
            (Form::Events, Ok(())) => self.event("end", b"", out),
            (Form::Events, Err(status)) => self.event("error", text(status).as_bytes(), out),
            (Form::Lines, Ok(())) => {}
            (Form::Lines, Err(status)) => line(text(status).as_bytes(), out),
        }
    }

    fn event(self, kind: &str, data: &[u8], out: &mut BytesMut) {
        if !kind.is_empty() {
            out.extend_from_slice(b"event: ");
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(b"\n");
        }
        for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(line);
            out.extend_from_slice(b"\n");
        }
        out.extend_from_slice(b"\n");
    }
}

/// A line break in JSON stands between its elements only, where a space does as well.
fn line(json: &[u8], out: &mut BytesMut) {
    out.extend(json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    out.extend_from_slice(b"\n");
}

/// The items of a call, as the body of a response. Dropped with the connection, it cancels the call. No item is taken
/// before the client has room for it, so that a slow one slows the function.
pub(super) struct ItemStream {
    relay: Relay,
    _visitor: Visitor,
    form: Form,
    /// What was read before the head was sent.
    first: Option<Option<Item>>,
    over: bool,
    keep_alive: Duration,
    /// When a sign of life is due.
    due: Pin<Box<Sleep>>,
}

impl ItemStream {
    /// Waits a little for the first item, so that a call that is refused is answered with its status.
    pub(super) async fn begin(
        relay: Relay,
        visitor: Visitor,
        form: Form,
        keep_alive: Duration,
    ) -> Result<Self, Refused> {
        let first = tokio::time::timeout(FIRST, relay.item()).await.ok();
        if let Some(None) = first {
            relay.end()?;
        }
        let due = Box::pin(tokio::time::sleep(keep_alive));
        Ok(Self { relay, _visitor: visitor, form, first, over: false, keep_alive, due })
    }

    /// Writes an item, or the end.
    fn write(&mut self, item: Option<&Item>, out: &mut BytesMut) {
        let ended = match item {
            Some(item) => match self.form.item(item, out) {
                Ok(()) => return,
                Err(status) => Err(status),
            },
            None => self.relay.end().map(|_| ()),
        };
        self.over = true;
        self.form.end(ended.as_ref().copied(), out);
    }
}

impl Stream for ItemStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut out = BytesMut::new();
        if let Some(first) = this.first.take() {
            this.write(first.as_ref(), &mut out);
        }
        while !this.over && out.len() < CHUNK {
            match this.relay.poll_item(context) {
                Poll::Ready(item) => this.write(item.as_ref(), &mut out),
                Poll::Pending => break,
            }
        }
        if out.is_empty() && !this.over && this.form == Form::Events {
            while this.due.as_mut().poll(context).is_ready() {
                this.due.as_mut().reset(Instant::now() + this.keep_alive);
                out.extend_from_slice(b":\n\n");
            }
        }
        match (out.is_empty(), this.over) {
            (false, _) => {
                this.due.as_mut().reset(Instant::now() + this.keep_alive);
                Poll::Ready(Some(Ok(out.freeze())))
            }
            (true, true) => Poll::Ready(None),
            (true, false) => Poll::Pending,
        }
    }
}

impl std::fmt::Debug for ItemStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ItemStream").field("form", &self.form).finish_non_exhaustive()
    }
}

/// Bytes as text (RFC 4648, section 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (bytes, text) in pairs {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn an_event_keeps_to_its_lines() {
        let mut out = BytesMut::new();
        Form::Events.event("", b"{\"a\":\n1}", &mut out);
        Form::Events.end(Ok(()), &mut out);
        assert_eq!(&out[..], b"data: {\"a\":\ndata: 1}\n\nevent: end\ndata: \n\n");
        out.clear();
        line(b"{\"a\":\n1}", &mut out);
        assert_eq!(&out[..], b"{\"a\": 1}\n");
    }
}
