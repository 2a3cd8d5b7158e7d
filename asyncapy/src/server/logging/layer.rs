use std::fmt::{self, Write as _};
use std::io::Write as _;

use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::escape::Escaped;
use super::line::{LineFormat, Words};

/// The span that a session runs in.
const SESSION_SPAN: &str = "session";

/// The field of the span that is the session's id.
const SESSION_ID: &str = "id";

/// Writes each event as a line in AsyncAPY's form; made by [`layer`](super::layer).
pub struct LogLayer<W> {
    pub(super) format: LineFormat,
    pub(super) writer: W,
    /// What the time is; a test has its own.
    pub(super) clock: fn() -> Zoned,
}

/// The session's id, kept with its span so that it is formatted once a session and not once a line.
struct SessionId(String);

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != SESSION_SPAN {
            return;
        }
        let mut session = SessionId(String::new());
        attributes.record(&mut session);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(session);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(session) = span.extensions_mut().get_mut::<SessionId>()
        {
            values.record(session);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let mut line = String::with_capacity(128);
        let now = (self.clock)();
        let session =
            context.event_scope(event).into_iter().flatten().find(|span| span.name() == SESSION_SPAN);
        let extensions = session.as_ref().map(|span| span.extensions());
        let id = extensions.as_ref().and_then(|extensions| extensions.get::<SessionId>());
        let id = id.map(|id| id.0.as_str()).filter(|id| !id.is_empty());
        self.format.write(&mut line, event.metadata(), &words, id, &now);
        // One write a line, so that lines of several threads do not mix. A log that cannot be written has nowhere to
        // say so.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}

/// Without the writer, which may be a function and has nothing to show then.
impl<W> fmt::Debug for LogLayer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLayer").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Visit for SessionId {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == SESSION_ID {
            self.0.clear();
            // Writing to a string fails only where the value's own `Debug` does; what it wrote stays.
            let _ = write!(Escaped(&mut self.0), "{value:?}");
        }
    }
}
