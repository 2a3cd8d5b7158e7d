use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::dial::Dial;
use super::function::linked;
use super::peer::TIMEOUT;
use super::serving::Serving;
use super::settings::Settings;
use super::table::Draft;
use crate::error::{Error, Result};
use crate::handler::StateMap;
use crate::mux::{Pipeline, Processor};
#[cfg(feature = "sealed")]
use crate::security::SealKey;
use crate::wire::v3::{Credentials, Hello};
use crate::wire::{ByteOrder, Encoding, Framing, HeaderSize};

/// What the connecting side's connections are told, whoever makes them: [`PeerBuilder`](super::PeerBuilder) one, a client
/// of several servers many.
pub(crate) struct PeerSettings {
    pub(crate) encoding: Encoding,
    pub(crate) timeout: Duration,
    pub(crate) header_size: HeaderSize,
    pub(crate) byte_order: ByteOrder,
    pub(crate) max_packet_size: u32,
    /// The bounds of what the other side may call here, the pings, the handshake.
    pub(crate) bounds: Settings,
    pub(crate) api_key: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// What the other side can call.
    pub(crate) functions: Draft,
    pub(crate) state: StateMap,
    pub(crate) pipeline: Pipeline,
    #[cfg(feature = "sealed")]
    pub(crate) seal: Option<SealKey>,
    /// What is wrong with all this, told at the end.
    pub(crate) mistakes: Vec<String>,
}

/// How long a HELLO may be: no server need take a longer one before it knows its client (protocol V3, "Limits").
const LONGEST_HELLO: u32 = 16 * 1024;

impl Default for PeerSettings {
    fn default() -> Self {
        let framing = Framing::default();
        Self {
            encoding: Encoding::ZiProto,
            timeout: TIMEOUT,
            header_size: framing.header_size(),
            byte_order: framing.byte_order(),
            max_packet_size: framing.max_packet_size(),
            bounds: Settings::default(),
            api_key: None,
            identity: None,
            metadata: BTreeMap::new(),
            functions: Draft::default(),
            state: StateMap::default(),
            pipeline: Pipeline::new(),
            #[cfg(feature = "sealed")]
            seal: None,
            mistakes: Vec::new(),
        }
    }
}

impl PeerSettings {
    /// Serves an annotated function to the other side.
    pub(crate) fn register<F: 'static>(&mut self) {
        let id = TypeId::of::<F>();
        match linked().into_iter().find(|registration| (registration.type_id)() == id) {
            Some(registration) => self.functions.annotated(registration),
            None => self.mistakes.push(format!("register: `{}` carries no `#[rpc]`", type_name::<F>())),
        }
    }

    /// Keeps a value for the functions.
    pub(crate) fn insert_state<T: Send + Sync + 'static>(&mut self, value: T) {
        if !self.state.insert(value) {
            self.mistakes.push(format!("a state of type `{}` was given before", type_name::<T>()));
        }
    }

    pub(crate) fn add_processor(&mut self, processor: impl Processor) {
        self.pipeline = std::mem::take(&mut self.pipeline).processor(processor);
    }

    #[cfg(feature = "sealed")]
    pub(crate) fn seal_with(&mut self, key: SealKey) {
        self.pipeline = std::mem::take(&mut self.pipeline).sealed();
        self.seal = Some(key);
    }

    #[cfg(feature = "zstd")]
    pub(crate) fn compress(&mut self, level: i32) {
        match crate::mux::Compression::at(level) {
            Ok(compression) => {
                self.pipeline = std::mem::take(&mut self.pipeline).compressed(compression);
            }
            Err(mistake) => self.mistakes.push(mistake),
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        Framing::new(self.header_size, self.byte_order, self.max_packet_size)
    }

    /// What makes connections.
    ///
    /// # Errors
    /// [`Error::Build`] with every mistake.
    pub(crate) fn dial(mut self) -> Result<Dial> {
        let framing = self.framing();
        let mut mistakes = std::mem::take(&mut self.mistakes);
        let functions = self.functions.build(Some(&self.state));
        let functions = functions.map_err(|wiring| mistakes.extend(wiring)).unwrap_or_default();
        let serving = Serving {
            functions,
            state: Arc::new(self.state),
            settings: self.bounds,
            pipeline: self.pipeline,
            #[cfg(feature = "sealed")]
            seal: self.seal.map(super::serving::Seal::With),
            ..Serving::default()
        };
        let mut hello = serving.hello(framing.max_packet_size());
        hello.identity = self.identity;
        hello.credentials = self.api_key.map(|key| Credentials { api_key: Some(key) });
        hello.metadata = self.metadata;
        mistakes.extend(too_long(&hello, framing));
        if !mistakes.is_empty() {
            return Err(Error::Build(mistakes));
        }
        let serving = Arc::new(serving);
        Ok(Dial { framing, encoding: self.encoding, timeout: self.timeout, serving, hello: Some(hello) })
    }
}

/// What is wrong with a HELLO that the other side would not take; what seals it is not in it yet.
fn too_long(hello: &Hello, framing: Framing) -> Option<String> {
    const SEAL: u32 = 256;
    let framing = framing.with_max_packet_size(LONGEST_HELLO - SEAL);
    let written = framing.encode_hello(&mut BytesMut::new(), Encoding::Json, hello);
    written.err().map(|error| format!("identity, API key and metadata together: {error}"))
}

impl fmt::Debug for PeerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerSettings")
            .field("encoding", &self.encoding)
            .field("timeout", &self.timeout)
            .field("identity", &self.identity)
            .field("pipeline", &self.pipeline)
            .finish_non_exhaustive()
    }
}
