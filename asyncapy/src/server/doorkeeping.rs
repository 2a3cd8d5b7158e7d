use crate::mux::{Pipeline, Processor};
use crate::security::ApiKeys;
#[cfg(feature = "sealed")]
use crate::security::SealKeys;
use crate::server::Builder;
use crate::server::guard::Guards;

/// What a server asks of those who connect, and does to what it says to them.
#[derive(Default)]
pub(super) struct Doorkeeping {
    pub(super) guards: Guards,
    pub(super) credentials: Option<ApiKeys>,
    pub(super) pipeline: Pipeline,
    #[cfg(feature = "sealed")]
    pub(super) seal: Option<SealKeys>,
}

/// # Who may call, and how it is said
///
/// For clients that call functions (protocol V3); see the [guide](crate::guide::processors).
impl Builder {
    /// A client must show one of these keys in its HELLO before it may call: `ERR_UNAUTHORIZED`. Functions learn whose key
    /// it is by [`ApiKeyIdentity`](crate::rpc::ApiKeyIdentity).
    ///
    /// The key is looked at when the client connects; one that is revoked later lets its connections go on. Handlers of
    /// packets are not concerned: they have [`filter::ApiKey`](crate::handler::filter::ApiKey).
    ///
    /// ```
    /// use asyncapy::prelude::*;
    /// use asyncapy::security::ApiKeys;
    ///
    /// # #[rpc]
    /// # async fn ping() {}
    /// let keys = ApiKeys::in_memory();
    /// let key = keys.issue(json!({"name": "acme"})).expect("a key");
    /// let server = Server::builder().register(ping).credentials(keys).build()?;
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    pub fn credentials(mut self, keys: ApiKeys) -> Self {
        self.doorkeeping.credentials = Some(keys);
        self
    }

    /// All payloads are sealed, under any of these keys; a client without one is refused: `ERR_SEAL_REQUIRED`, and so are
    /// packets (protocol V2), which cannot be sealed. The keys can be changed while the server runs: see [`SealKeys`].
    #[cfg(feature = "sealed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealed")))]
    pub fn sealed(mut self, keys: SealKeys) -> Self {
        self.doorkeeping.pipeline = std::mem::take(&mut self.doorkeeping.pipeline).sealed();
        self.doorkeeping.seal = Some(keys);
        self
    }

    /// Compresses payloads of 512 bytes and more for clients that can read them, and reads theirs. The level is zstd's, from
    /// 1 (fast) to 19 (small).
    #[cfg(feature = "zstd")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    pub fn compress(mut self, level: i32) -> Self {
        match crate::mux::Compression::at(level) {
            Ok(compression) => {
                let pipeline = std::mem::take(&mut self.doorkeeping.pipeline);
                self.doorkeeping.pipeline = pipeline.compressed(compression);
            }
            Err(mistake) => self.mistakes.push(mistake),
        }
        self
    }

    /// Changes all payloads on their way out and in; several in their order. Clients need the same ones: see
    /// [`Processor`].
    pub fn processor(mut self, processor: impl Processor) -> Self {
        let pipeline = std::mem::take(&mut self.doorkeeping.pipeline);
        self.doorkeeping.pipeline = pipeline.processor(processor);
        self
    }
}
