use super::{Filter, Pattern, Shape};
use crate::handler::{Client, Request};
use crate::packet::Packet;
use crate::wire::{Value, View};

/// Which fields a packet has, and what their text looks like.
///
/// By default a packet must have exactly these fields, as in AsyncAPY; [`open`](Self::open) (`..` in the attribute)
/// allows others. A pattern is a regular expression that must match at the start of the field's text, like Python's
/// `re.match`: strings as they are, numbers and booleans as their JSON text, null as `null`. Lists, maps and bytes
/// match no pattern, nor does text over 64 KiB, nor a field that stands twice.
///
/// ```
/// use asyncapy::{handler::filter::{Fields, Filter}, handler, Server};
///
/// #[handler(fields(foo = r"\d+", bar))]
/// async fn by_attribute() {}
///
/// #[handler]
/// async fn by_value() {}
///
/// let fields = Fields::new().matching("foo", r"\d+").present("baz").open();
/// let server = Server::builder().register(by_attribute).register(by_value).filter(fields).build()?;
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fields {
    fields: Vec<Field>,
    open: bool,
    mistakes: Vec<String>,
}

/// A field that a packet must have.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Field {
    pub(crate) name: String,
    pub(crate) pattern: Option<Pattern>,
}

impl Fields {
    /// No fields at all, until some are named.
    pub fn new() -> Self {
        Self::default()
    }

    /// The field must be there, whatever it holds.
    #[must_use]
    pub fn present(mut self, name: impl Into<String>) -> Self {
        self.add(name.into(), None);
        self
    }

    /// The field's text must match at its start. A pattern that is none is told when the server is built.
    #[must_use]
    pub fn matching(mut self, name: impl Into<String>, pattern: &str) -> Self {
        let name = name.into();
        match Pattern::new(pattern) {
            Ok(pattern) => self.add(name, Some(pattern)),
            Err(error) => self.mistakes.push(format!("the pattern of field `{name}`: {error}")),
        }
        self
    }

    /// Other fields are allowed as well.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    fn add(&mut self, name: String, pattern: Option<Pattern>) {
        if self.fields.iter().any(|field| field.name == name) {
            self.mistakes.push(format!("field `{name}` is named twice"));
        }
        self.fields.push(Field { name, pattern });
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    fn matches(&self, view: View<'_>) -> bool {
        if !self.mistakes.is_empty() || (!self.open && view.len() != self.fields.len()) {
            return false;
        }
        let matches = |field: &Field, value: Value<'_>| match &field.pattern {
            None => true,
            Some(pattern) => value.text().is_some_and(|text| pattern.matches(&text)),
        };
        // Mostly the fields stand in the filter's order. Then each is there once: there are no others, and the filter
        // names none twice.
        let numbered = || self.fields.iter().enumerate();
        if !self.open && numbered().all(|(at, field)| view.key_is(at, &field.name)) {
            return numbered().all(|(at, field)| matches(field, view.value(at)));
        }
        self.fields.iter().all(|field| match view.get_unique(&field.name) {
            Ok(Some(value)) => matches(field, value),
            // It is not there, or twice, and then nothing may rest on it.
            Ok(None) | Err(_) => false,
        })
    }

    /// Whether every packet that passes `other` passes here, as far as that can be seen.
    pub(crate) fn covers(&self, other: &Fields) -> bool {
        let closed = self.open || (!other.open && self.fields.len() == other.fields.len());
        closed
            && self.fields.iter().all(|mine| {
                other.fields.iter().find(|field| field.name == mine.name).is_some_and(|theirs| {
                    match (&mine.pattern, &theirs.pattern) {
                        (None, _) => true,
                        (Some(mine), Some(theirs)) => mine.covers(theirs),
                        (Some(_), None) => false,
                    }
                })
            })
    }
}

impl Filter for Fields {
    fn check(&self, _: &Client, packet: &Packet) -> bool {
        self.matches(packet.view())
    }

    fn check_request(&self, request: &Request<'_>) -> bool {
        self.matches(request.view())
    }

    fn shape(&self) -> Shape<'_> {
        Shape::Fields(self)
    }

    fn mistakes(&self) -> Vec<String> {
        self.mistakes.clone()
    }

    fn describe(&self) -> String {
        let mut parts: Vec<_> = self
            .fields
            .iter()
            .map(|field| match &field.pattern {
                Some(pattern) => format!("{} = {:?}", field.name, pattern.source()),
                None => field.name.clone(),
            })
            .collect();
        if self.open {
            parts.push("..".to_owned());
        }
        format!("fields({})", parts.join(", "))
    }
}
