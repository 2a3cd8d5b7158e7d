use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use axum::http::StatusCode;
use ipnet::IpNet;

use super::origin::Origin;
use crate::error::Code;
use crate::handler::Address;
#[cfg(feature = "tls")]
use crate::security::TlsServer;

/// What a gateway is told besides its server.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Whether it shows its page.
    pub(super) page: bool,
    /// Whose pages may call.
    pub(super) origins: Vec<Origin>,
    /// Whose word on a client's address is taken.
    pub(super) proxies: Proxies,
    /// Statuses of codes that are not those of the table.
    pub(super) statuses: HashMap<Code, StatusCode>,
    /// How often a stream of events says that it is there.
    pub(super) keep_alive: Duration,
    /// The certificate that it shows.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsServer>,
    /// The permissions of the file of a UNIX socket.
    pub(super) unix_mode: u32,
}

/// Those whose word on a client's address is taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    pub(super) networks: Vec<IpNet>,
    /// Whoever comes by a UNIX socket.
    pub(super) unix: bool,
}

impl Proxies {
    /// Whether the word of who comes from here is taken.
    pub(super) fn contain(&self, address: Address) -> bool {
        address.ip().map_or(self.unix, |ip| self.contain_ip(ip))
    }

    pub(super) fn contain_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page: false,
            origins: Vec::new(),
            proxies: Proxies::default(),
            statuses: HashMap::new(),
            keep_alive: Duration::from_secs(15),
            #[cfg(feature = "tls")]
            tls: None,
            unix_mode: 0o600,
        }
    }
}
