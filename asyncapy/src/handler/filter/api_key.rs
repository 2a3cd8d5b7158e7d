use std::fmt;

use super::{Filter, Shape};
use crate::handler::{Client, Request, Requirements};
use crate::packet::Packet;
use crate::security::ApiKeys;
use crate::wire::Value;

/// Packets that carry a valid API key in a field.
///
/// The field must stand there once and be text. Without [`of`](Self::of) the keys are the server's
/// `State<ApiKeys>`.
///
/// ```
/// use asyncapy::{handler, security::ApiKeys, Server};
///
/// #[handler(fields(key, question), api_key(field = "key"))]
/// async fn answer() {}
///
/// let keys = ApiKeys::in_memory();
/// let server = Server::builder().register(answer).state(keys).build()?;
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiKey {
    field: String,
    keys: Option<ApiKeys>,
}

impl ApiKey {
    /// The key stands in this field; the keys are the server's `State<ApiKeys>`.
    pub fn new(field: impl Into<String>) -> Self {
        Self { field: field.into(), keys: None }
    }

    /// The key must be one of these.
    #[must_use]
    pub fn of(mut self, keys: ApiKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Whether every packet that passes `other` passes here.
    pub(crate) fn covers(&self, other: &ApiKey) -> bool {
        let same = match (&self.keys, &other.keys) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => mine.is_same(theirs),
            _ => false,
        };
        same && self.field == other.field
    }

    fn matches(&self, keys: Option<&ApiKeys>, value: Option<Value<'_>>) -> bool {
        let (Some(keys), Some(value)) = (keys, value) else { return false };
        value.as_str().is_some_and(|key| match keys.contains(&key) {
            Ok(known) => known,
            Err(error) => {
                // The store is broken: nobody passes.
                tracing::error!(part = "API keys", %error, "An API key could not be looked up");
                false
            }
        })
    }
}

impl Filter for ApiKey {
    fn check(&self, _: &Client, packet: &Packet) -> bool {
        self.matches(self.keys.as_ref(), packet.view().get_unique(&self.field).ok().flatten())
    }

    fn check_request(&self, request: &Request<'_>) -> bool {
        let keys = self.keys.as_ref().or_else(|| request.state());
        self.matches(keys, request.view().get_unique(&self.field).ok().flatten())
    }

    fn shape(&self) -> Shape<'_> {
        Shape::ApiKey(self)
    }

    fn require(&self, requirements: &mut Requirements) {
        if self.keys.is_none() {
            requirements.state::<ApiKeys>();
        }
    }

    fn describe(&self) -> String {
        format!("api_key({})", self.field)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
