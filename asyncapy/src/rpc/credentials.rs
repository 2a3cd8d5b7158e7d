use std::collections::BTreeMap;
use std::fmt;

use tracing::{debug, error};

#[cfg(feature = "tls")]
use super::private::is_named;
use super::serving::Serving;
use crate::error::{Code, Rejection};
use crate::handler::{Client, Extract, Request};
use crate::security::{ApiKeys, Record};
use crate::wire::v3::Hello;

/// The API key that a client has shown in its HELLO, as far as it is no secret. An extractor; `ERR_UNAUTHORIZED` where
/// the server asks for none.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::{ApiKeyIdentity, Peer};
/// use asyncapy::security::ApiKeys;
///
/// #[rpc]
/// async fn plan(key: ApiKeyIdentity) -> String {
///     format!("{}: {}", key.name().unwrap_or("?"), key.record().metadata()["plan"])
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let keys = ApiKeys::in_memory();
/// let key = keys.issue(json!({"name": "acme", "plan": "gold"})).expect("a key");
///
/// let server = Server::builder().register(plan).credentials(keys).build()?.start_in_memory().await?;
/// let peer = Peer::builder().api_key(key).over(server.handle().connect()?)?;
/// assert_eq!(plan::call(&peer).await?, r#"acme: "gold""#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyIdentity(Record);

impl ApiKeyIdentity {
    /// The key's public identifier; it stays when the key is reissued.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Whose key it is: the text `name` of its metadata.
    pub fn name(&self) -> Option<&str> {
        self.0.metadata().get("name")?.as_str()
    }

    /// All that was known of the key when the client showed it.
    pub fn record(&self) -> &Record {
        &self.0
    }

    fn is_called(&self, name: &str) -> bool {
        self.id() == name || self.name() == Some(name)
    }
}

impl Extract for ApiKeyIdentity {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        match request.session().get::<Self>() {
            Some(identity) => Ok((*identity).clone()),
            None => Err(Rejection::new(Code::Unauthorized)),
        }
    }
}

/// What the other side has said in its HELLO for all calls of the connection: names and texts. An extractor; empty where
/// nothing was said.
///
/// Nothing shows that it is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloMetadata(BTreeMap<String, String>);

impl HelloMetadata {
    pub(crate) fn new(metadata: BTreeMap<String, String>) -> Self {
        Self(metadata)
    }

    /// The text of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All names and texts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl Extract for HelloMetadata {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(request.session().get::<Self>().map_or_else(Self::default, |metadata| (*metadata).clone()))
    }
}

/// Why a HELLO will not do.
type Refused = (Code, &'static str);

impl Serving {
    /// Checks what a client shows of itself against what it says, and keeps it with its session.
    pub(super) fn admit(&self, hello: &Hello, client: &Client) -> Result<(), Refused> {
        let key = self.credentials.as_ref().map(|keys| shown(keys, hello)).transpose()?;
        if let Some(claimed) = hello.identity.as_deref()
            && !may_claim(claimed, key.as_ref(), client)
        {
            debug!(part = "Client handler", identity = ?claimed, "A client says that it is somebody else");
            return Err((Code::Unauthorized, "the identity is not the one that the credentials show"));
        }
        if let Some(key) = key {
            client.session().insert(key);
        }
        Ok(())
    }
}

/// Whose key the HELLO shows.
fn shown(keys: &ApiKeys, hello: &Hello) -> Result<ApiKeyIdentity, Refused> {
    let key = hello.credentials.as_ref().and_then(|credentials| credentials.api_key.as_deref());
    let key = key.ok_or((Code::Unauthorized, "an API key is needed"))?;
    match keys.get(key) {
        Ok(Some(record)) => Ok(ApiKeyIdentity(record)),
        Ok(None) => Err((Code::Unauthorized, "the API key is not known")),
        Err(failure) => {
            error!(part = "Client handler", error = %failure, "The API keys cannot be read");
            Err((Code::Unavailable, "the API keys cannot be read"))
        }
    }
}

/// Whether a client may call itself so: what it has shown says the same, or it has shown nothing, and then nothing rests
/// on the name.
fn may_claim(claimed: &str, key: Option<&ApiKeyIdentity>, client: &Client) -> bool {
    #[cfg(feature = "tls")]
    if let Some(identity) = client.identity() {
        return is_named(identity, claimed) || key.is_some_and(|key| key.is_called(claimed));
    }
    #[cfg(not(feature = "tls"))]
    let _ = client;
    key.is_none_or(|key| key.is_called(claimed))
}

impl fmt::Display for ApiKeyIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or_else(|| self.id()))
    }
}
