use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use ipnet::IpNet;

use super::origin::Origin;
use crate::error::Code;

/// What a gateway is told besides its server.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Whether it shows its page.
    pub(super) page: bool,
    /// Whose pages may call.
    pub(super) origins: Vec<Origin>,
    /// Whose word on a client's address is taken.
    pub(super) proxies: Vec<IpNet>,
    /// Statuses of codes that are not those of the table.
    pub(super) statuses: HashMap<Code, StatusCode>,
    /// How often a stream of events says that it is there.
    pub(super) keep_alive: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page: false,
            origins: Vec::new(),
            proxies: Vec::new(),
            statuses: HashMap::new(),
            keep_alive: Duration::from_secs(15),
        }
    }
}
