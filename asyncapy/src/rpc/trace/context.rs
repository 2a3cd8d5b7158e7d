use std::fmt;
use std::sync::Arc;

use tokio::task_local;
use uuid::Uuid;

use super::state;
use crate::error::{Code, Rejection};
use crate::handler::{Extract, Request};
use crate::rpc::Metadata;
use crate::rpc::context::call_of;

/// Where a call stands in a trace: W3C Trace Context, in the metadata `traceparent` and `tracestate`.
///
/// As an extractor it is the call's own place with [`Traces`](super::Traces) around the function, else the caller's as it
/// was sent; `ERR_FIELD_MISSING` where there is none, so that most functions take an `Option` of it.
///
/// It is read strictly after the [recommendation](https://www.w3.org/TR/trace-context-1/): what is malformed counts as not
/// there, and a malformed `tracestate` leaves the `traceparent` as it is.
///
/// ```
/// use asyncapy::rpc::TraceContext;
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context = TraceContext::parse(parent, Some("congo=t61rcWkgMzE")).unwrap();
/// assert!(context.is_sampled());
/// assert_eq!(context.traceparent(), parent);
/// let child = context.child();
/// assert_eq!(child.trace_id(), context.trace_id());
/// assert_ne!(child.span_id(), context.span_id());
/// assert!(TraceContext::parse(&parent.to_uppercase(), None).is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
    state: Option<Arc<str>>,
}

task_local! {
    /// Of the call that runs here.
    pub(super) static CURRENT: TraceContext;
}

/// The metadata that holds the trace, the place in it and its flags.
const PARENT: &str = "traceparent";

/// The metadata that holds what tracing systems add.
const STATE: &str = "tracestate";

/// The flag that says that the caller may have recorded the trace.
const SAMPLED: u8 = 1;

impl TraceContext {
    /// A new trace, which is sampled.
    pub fn generate() -> Self {
        Self { trace_id: Uuid::new_v4().into_bytes(), span_id: span_id(), sampled: true, state: None }
    }

    /// The same trace, at a new place.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: span_id(), ..self.clone() }
    }

    /// Of the call whose function runs in this task, with [`Traces`](super::Traces) around it.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Reads a `traceparent`, and a `tracestate` if there is one.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let (fixed, rest) = bytes.split_at_checked(55)?;
        let [version] = hex::<1>(&fixed[..2])?;
        // A later version may say more, behind one more dash.
        match version {
            0 if !rest.is_empty() => return None,
            0xff => return None,
            _ if !rest.is_empty() && rest[0] != b'-' => return None,
            _ => {}
        }
        if [fixed[2], fixed[35], fixed[52]] != [b'-'; 3] {
            return None;
        }
        let trace_id = hex::<16>(&fixed[3..35])?;
        let span_id = hex::<8>(&fixed[36..52])?;
        let [flags] = hex::<1>(&fixed[53..])?;
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        let state = tracestate.filter(|state| state::is_valid(state)).map(Arc::from);
        Some(Self { trace_id, span_id, sampled: flags & SAMPLED != 0, state })
    }

    /// Reads it from a call's metadata.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        Self::parse(metadata.text(PARENT)?, metadata.text(STATE))
    }

    /// Writes it into a call's metadata, in the place of another.
    pub fn insert_into(&self, metadata: &mut Metadata) {
        metadata.insert(PARENT, self.traceparent());
        match &self.state {
            Some(state) => metadata.insert(STATE, &**state),
            None => metadata.remove(STATE),
        };
    }

    /// The trace, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        digits(&self.trace_id)
    }

    /// The place in it, in 16 hexadecimal digits: what `traceparent` calls the parent.
    pub fn span_id(&self) -> String {
        digits(&self.span_id)
    }

    /// Whether the trace may have been recorded where it comes from.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The same with the flag set or not.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// What tracing systems have added.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// It, as it is sent.
    pub fn traceparent(&self) -> String {
        self.to_string()
    }
}

/// Never zero: its version's bits are set.
fn span_id() -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&Uuid::new_v4().as_bytes()[..8]);
    id
}

fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower case digits alone.
fn hex<const LENGTH: usize>(digits: &[u8]) -> Option<[u8; LENGTH]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl Extract for TraceContext {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        if let Some(own) = request.extension::<Self>() {
            return Ok((*own).clone());
        }
        Self::of(&call_of(request)?.metadata).ok_or_else(|| Rejection::new(Code::FieldMissing).field(PARENT))
    }
}

/// As `traceparent` has it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), u8::from(self.sampled))
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_malformed_is_not_there() {
        let read = |text: &str| TraceContext::parse(text, None).map(|context| context.to_string());
        assert_eq!(read(PARENT).as_deref(), Some(PARENT));
        let unsampled = PARENT.replace("-01", "-00");
        assert_eq!(read(&unsampled).as_deref(), Some(&*unsampled));
        // Flags that nobody has given a meaning are not passed on.
        assert_eq!(read(&PARENT.replace("-01", "-ff")).as_deref(), Some(PARENT));
        // Later versions are read as far as they are known.
        for later in [PARENT.replacen("00", "cc", 1), format!("{}-what", PARENT.replacen("00", "cc", 1))] {
            assert_eq!(read(&later).as_deref(), Some(PARENT), "{later}");
        }
        for bad in [
            "".to_owned(),
            "00".to_owned(),
            PARENT[..54].to_owned(),
            format!("{PARENT}-"),
            format!("{PARENT}0"),
            format!(" {PARENT}"),
            PARENT.replacen("00", "ff", 1),
            PARENT.replacen("00", "0", 1),
            format!("{}x", PARENT.replacen("00", "cc", 1)),
            PARENT.to_uppercase(),
            PARENT.replace('4', "g"),
            PARENT.replace('-', "_"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01".to_owned(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01".to_owned(),
            format!("{}é", &PARENT[..54]),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bad_state_leaves_the_parent() {
        let state = |text| TraceContext::parse(PARENT, Some(text)).unwrap().tracestate().map(str::to_owned);
        assert_eq!(state("a=1,b=2").as_deref(), Some("a=1,b=2"));
        assert_eq!(state("a=1,a=2"), None);
    }

    #[test]
    fn metadata_hold_it() {
        let mut metadata = Metadata::new();
        metadata.insert("tracestate", "of=another");
        assert_eq!(TraceContext::of(&metadata), None);
        let own = TraceContext::generate();
        own.insert_into(&mut metadata);
        assert_eq!(TraceContext::of(&metadata), Some(own.clone()));
        assert_eq!(metadata.len(), 1);
        assert!(own.is_sampled() && own.trace_id() != TraceContext::generate().trace_id());
    }
}
