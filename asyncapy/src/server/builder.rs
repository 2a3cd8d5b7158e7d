use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::doorkeeping::Doorkeeping;
use super::lifecycle::{Lifecycle, SessionHooks};
use super::server::report;
use super::shared::{Served, Shared};
use super::{Endpoint, Limits, Server, Settings};
use crate::dispatch::{self, AnnotatedFn, PlainFn, Routes};
use crate::error::Result;
use crate::handler::StateMap;
use crate::handler::filter::Filter;
use crate::handler::middleware::{IncomingPacket, Middleware};
#[cfg(feature = "tower")]
use crate::handler::middleware::{Layered, NextService};
use crate::rpc::middleware::IncomingCall;
use crate::rpc::table::Draft;
use crate::rpc::{self, Service};
#[cfg(feature = "tls")]
use crate::security::TlsServer;
use crate::wire::{ByteOrder, HeaderSize};

/// What a server is told before it is built: what it serves, where, within which limits.
///
/// Nothing fails on the way: every mistake is kept, and [`build`](Self::build) reports them all at once.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::prelude::*;
///
/// #[handler(group = -1, fields(user = r"\w+", ..))]
/// async fn greet(#[field] user: String) -> serde_json::Value {
///     json!({"hello": user})
/// }
///
/// let server = Server::builder()
///     .register(greet)
///     .timeout(Duration::from_secs(15))
///     .session_limit(4)
///     .build()?;
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    routes: Routes,
    functions: Draft,
    state: StateMap,
    settings: Settings,
    endpoints: Vec<Endpoint>,
    #[cfg(feature = "tls")]
    tls: Option<TlsServer>,
    pub(super) doorkeeping: Doorkeeping,
    pub(super) lifecycle: Lifecycle,
    pub(super) session_hooks: SessionHooks,
    pub(super) mistakes: Vec<String>,
    #[cfg(feature = "metrics")]
    metrics: Option<rpc::Metrics>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Serves every annotated function that is linked into the program.
    pub fn linked(mut self) -> Self {
        self.functions.linked("");
        self.routes.linked("");
        self
    }

    /// Serves the annotated functions of a module and of the modules inside it: `.linked_in(module_path!())`.
    pub fn linked_in(mut self, module: &str) -> Self {
        let found = self.functions.linked(module);
        if !found || dispatch::has_linked(module) {
            self.routes.linked(module);
        }
        self
    }

    /// Serves one annotated function. [`filter`](Self::filter), [`group`](Self::group), [`order`](Self::order) and
    /// [`name`](Self::name) behind it change what its attribute says.
    #[track_caller]
    pub fn register<A, F: AnnotatedFn<A>>(mut self, function: F) -> Self {
        let id = function.type_id();
        match rpc::linked().into_iter().find(|registration| (registration.type_id)() == id) {
            Some(registration) => self.functions.annotated(registration),
            None => self.routes.register(function),
        }
        self
    }

    /// Serves an async function or closure that carries no attribute.
    ///
    /// ```
    /// use asyncapy::{handler::filter::Fields, Packet, Server};
    ///
    /// let server = Server::builder()
    ///     .register_fn(|packet: Packet| async move { packet })
    ///     .filter(Fields::new().matching("foo", r"\d+").present("bar"))
    ///     .build()?;
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    #[track_caller]
    pub fn register_fn<A, F: PlainFn<A>>(mut self, function: F) -> Self {
        self.routes.register_fn(function);
        self
    }

    /// Serves the methods of a service: a type with `#[service]` on its impl, or a wrapped implementation of such a
    /// trait. May be called more than once, with services of different names.
    pub fn service(mut self, service: impl Service) -> Self {
        for method in Arc::new(service).methods() {
            self.functions.method(method);
        }
        self
    }

    /// Middleware around every function that can be called, inside what is there already: the first is the outermost.
    /// See [`rpc::middleware`](crate::rpc::middleware).
    #[track_caller]
    pub fn middleware(mut self, middleware: impl Middleware<IncomingCall>) -> Self {
        self.functions.middleware(None, middleware);
        self
    }

    /// Middleware around some functions: one by its full name, or those of a group or a service by its name and a point:
    /// `"math."`. It stands inside what is there already.
    #[track_caller]
    pub fn middleware_for(mut self, functions: &str, middleware: impl Middleware<IncomingCall>) -> Self {
        self.functions.middleware(Some(functions), middleware);
        self
    }

    /// Middleware around the handlers of packets, inside what is there already: the first is the outermost. See
    /// [`handler::middleware`](crate::handler::middleware).
    pub fn packet_middleware(mut self, middleware: impl Middleware<IncomingPacket>) -> Self {
        self.routes.middleware(middleware);
        self
    }

    /// Counts calls and packets: it stands around functions and handlers like other middleware, so that the first of all
    /// counts what the others answer.
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    #[track_caller]
    pub fn metrics(mut self, metrics: &rpc::Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.middleware(metrics.clone()).packet_middleware(metrics.clone())
    }

    /// A tower layer around every function that can be called; see
    /// [`Layered`](crate::rpc::middleware::Layered).
    #[cfg(feature = "tower")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
    #[track_caller]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: tower_layer::Layer<NextService<IncomingCall>>,
        Layered<L::Service>: Middleware<IncomingCall>,
    {
        self.middleware(Layered::new(layer))
    }

    /// One more filter for the function that was registered last.
    #[track_caller]
    pub fn filter(mut self, filter: impl Filter) -> Self {
        self.routes.last("filter", |route| route.filters.push(Box::new(filter)));
        self
    }

    /// The group of the function that was registered last; lower ones come first, 0 is the default.
    #[track_caller]
    pub fn group(mut self, group: i32) -> Self {
        self.routes.last("group", |route| route.info.group = group);
        self
    }

    /// The place of the function that was registered last among those of its group; lower ones are asked first.
    #[track_caller]
    pub fn order(mut self, order: i32) -> Self {
        self.routes.last("order", |route| route.info.order = order);
        self
    }

    /// The name of the function that was registered last, for logs and listings; no other may have it.
    #[track_caller]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.routes.last("name", |_| {});
        self.routes.name_last(name.into());
        self
    }

    /// A value for the handlers' [`State<T>`](crate::State) arguments; one a type.
    #[track_caller]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        if !self.state.insert(value) {
            let at = Location::caller();
            self.mistakes
                .push(format!("{at}: a state of type `{}` was given before", std::any::type_name::<T>()));
        }
        self
    }

    /// Takes the place of all settings so far: from a file, or made by hand.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The address or host name to listen at; 127.0.0.1 by default.
    pub fn addr(mut self, addr: impl Into<String>) -> Self {
        self.settings.addr = addr.into();
        self
    }

    /// The port to listen at; 8081 by default, 0 lets the system pick one.
    pub fn port(mut self, port: u16) -> Self {
        self.settings.port = port;
        self
    }

    /// One more place to listen at, in the place of `addr` and `port`: `"127.0.0.1:1500"`, `"tls://0.0.0.0:1501"`,
    /// `"unix:///run/api.sock"`. May be called more than once.
    pub fn listen(mut self, endpoint: &str) -> Self {
        match endpoint.parse() {
            Ok(endpoint) => self.endpoints.push(endpoint),
            Err(error) => self.mistakes.push(error.to_string()),
        }
        self
    }

    /// The permissions of the files of UNIX sockets, such as `0o660`; `0o600` by default: the server's own user alone may
    /// connect.
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.settings.unix_mode = mode;
        self
    }

    /// The certificate for `tls://` listeners.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long a session may be without a whole packet; 60 s by default (protocol V2, rule 4).
    pub fn timeout(self, timeout: Duration) -> Self {
        self.limits(|limits| limits.timeout = timeout)
    }

    /// How long a handler may take; 30 s by default (protocol V2, rule 7).
    pub fn handler_timeout(self, timeout: Duration) -> Self {
        self.limits(|limits| limits.handler_timeout = timeout)
    }

    /// The size of the Content-Length header in bytes: 1, 2, 4 (the default) or 8.
    pub fn header_size(mut self, bytes: usize) -> Self {
        match HeaderSize::try_from(bytes) {
            Ok(size) => self.settings.header_size = size,
            Err(error) => self.mistakes.push(error.to_string()),
        }
        self
    }

    /// The byte order of the Content-Length header; big by default.
    pub fn byte_order(mut self, byte_order: ByteOrder) -> Self {
        self.settings.byte_order = byte_order;
        self
    }

    /// The size of a read buffer in bytes; 16 KiB by default. It grows with a packet that is longer.
    pub fn buffer_size(self, bytes: usize) -> Self {
        self.limits(|limits| limits.buf = bytes)
    }

    /// How many sessions one address may have; 0, the default, for any number (protocol V2, rule 6).
    pub fn session_limit(self, sessions: usize) -> Self {
        self.limits(|limits| limits.session_limit = sessions)
    }

    /// The longest packet in bytes; 1 MiB by default (protocol V2, rule 2).
    pub fn max_packet_size(self, bytes: u32) -> Self {
        self.limits(|limits| limits.max_packet_size = bytes)
    }

    /// Changes any of the limits.
    ///
    /// ```
    /// use asyncapy::Server;
    /// let builder = Server::builder().limits(|limits| limits.connections_per_address = 10_000);
    /// ```
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.settings.limits);
        self
    }

    /// Checks everything and builds the server.
    ///
    /// # Errors
    /// [`Error::Build`](crate::Error::Build) with every mistake: handlers that can never run, states that are missing,
    /// names that are taken, patterns that are none, settings that make no sense; each with its file and line.
    pub fn build(mut self) -> Result<Server> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        mistakes.extend(self.settings.validate());
        let mut further = Vec::<Endpoint>::new();
        for endpoint in &self.settings.listeners {
            match endpoint.parse() {
                Ok(endpoint) => further.push(endpoint),
                Err(error) => mistakes.push(error.to_string()),
            }
        }
        #[cfg(feature = "tls")]
        self.load_certificate(&mut mistakes);
        let table = match self.routes.build(Some(&self.state), self.settings.limits.handler_timeout) {
            Ok(table) => Some(table),
            Err(wiring) => {
                mistakes.extend(wiring);
                None
            }
        };
        let functions = match self.functions.build(Some(&self.state)) {
            Ok(functions) => Some(functions),
            Err(wiring) => {
                mistakes.extend(wiring);
                None
            }
        };
        report(mistakes)?;
        let (table, functions) = (table.unwrap_or_default(), functions.unwrap_or_default());
        let settings = &self.settings;
        let host = if settings.addr.contains(':') && !settings.addr.starts_with('[') {
            format!("[{}]:{}", settings.addr, settings.port)
        } else {
            format!("{}:{}", settings.addr, settings.port)
        };
        #[cfg(feature = "tls")]
        let default_endpoint = if self.tls.is_some() { Endpoint::Tls(host) } else { Endpoint::Tcp(host) };
        #[cfg(not(feature = "tls"))]
        let default_endpoint = Endpoint::Tcp(host);
        Ok(Server {
            shared: Arc::new(Shared::new(
                Served {
                    table,
                    functions,
                    state: self.state,
                    #[cfg(feature = "metrics")]
                    metrics: self.metrics,
                },
                &self.settings,
                self.doorkeeping,
                self.session_hooks,
            )),
            endpoints: self.endpoints,
            default_endpoint,
            further,
            #[cfg(feature = "tls")]
            tls: self.tls,
            unix_mode: self.settings.unix_mode,
            lifecycle: self.lifecycle,
        })
    }

    /// Checks the handlers alone, as [`check!`](crate::check) does: not the states, which only the program has.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn check(mut self) -> Result<()> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        mistakes.extend(self.settings.validate());
        mistakes
            .extend(self.routes.build(None, self.settings.limits.handler_timeout).err().unwrap_or_default());
        mistakes.extend(self.functions.build(None).err().unwrap_or_default());
        report(mistakes)
    }

    /// The certificate that the settings name, where the program has not given one.
    #[cfg(feature = "tls")]
    fn load_certificate(&mut self, mistakes: &mut Vec<String>) {
        let files = &self.settings.tls;
        if let (None, Some(cert), Some(key)) = (&self.tls, &files.cert, &files.key) {
            match TlsServer::from_files(cert, key, files.client_ca.as_deref()) {
                Ok(tls) => self.tls = Some(tls),
                Err(error) => mistakes.push(error.to_string()),
            }
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("routes", &self.routes)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
