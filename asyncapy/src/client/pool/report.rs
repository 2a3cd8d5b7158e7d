use std::time::Duration;

use super::ServerAddress;
use super::server::Server;

/// How a client's end went: [`RpcClient::stop`](super::RpcClient::stop).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Calls, streams and channels that were under way and have ended by themselves.
    pub drained: usize,
    /// Those that were cut when the time was over.
    pub cut: usize,
    /// How long it took.
    pub took: Duration,
}

/// How a server stands with a client: [`RpcClient::servers`](super::RpcClient::servers).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerState {
    /// Where it is, and its weight.
    pub address: ServerAddress,
    /// Connections that take calls.
    pub connections: usize,
    /// Calls, streams and channels under way.
    pub in_flight: usize,
    /// Whether its breaker lets all calls through.
    pub is_closed: bool,
    /// Why it could not be reached the last time; none since it was.
    pub problem: Option<String>,
}

impl ServerState {
    pub(super) fn of(server: &Server) -> Self {
        let address = ServerAddress {
            endpoint: server.endpoint.clone(),
            weight: server.load.weight(),
            tls_name: server.tls_name.clone(),
        };
        Self {
            address,
            connections: server.connections(),
            in_flight: server.load.calls(),
            is_closed: server.circuits.is_closed(),
            problem: server.problem(),
        }
    }
}
