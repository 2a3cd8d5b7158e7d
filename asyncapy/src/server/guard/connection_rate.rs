use std::net::IpAddr;
use std::time::Duration;

use super::{Guard, Incoming, Refusal};
use crate::error::Code;
use crate::security::{Rate, RateLimit};

/// No more than so many new connections of one address in a time, or it is refused and perhaps banned.
///
/// [`Limits::new_connections_per_address`](crate::server::Limits::new_connections_per_address) is the same for a second
/// and without a ban. `ERR_TOO_MANY_CONNECTIONS`, with a message that says how long to wait. Clients on UNIX sockets have
/// no address and are not limited.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::security::Rate;
/// use asyncapy::server::guard::ConnectionRate;
///
/// let rate = Rate::new(30, Duration::from_secs(60))?;
/// # asyncapy::Server::builder().connection_guard(
/// ConnectionRate::new(rate).ban_for(Duration::from_secs(600))
/// # );
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Debug)]
pub struct ConnectionRate {
    limit: RateLimit<IpAddr>,
    ban: Option<Duration>,
}

impl ConnectionRate {
    /// Refuses connections that come faster than this from one address.
    pub fn new(rate: Rate) -> Self {
        Self { limit: RateLimit::new(rate), ban: None }
    }

    /// Bans the address for a time as well.
    #[must_use]
    pub fn ban_for(mut self, time: Duration) -> Self {
        self.ban = Some(time);
        self
    }
}

impl Guard for ConnectionRate {
    async fn admit(&self, incoming: &Incoming) -> Result<(), Refusal> {
        let Some(host) = incoming.host() else { return Ok(()) };
        self.limit.check(&host).map_err(|wait| {
            let refusal = Refusal::new(Code::TooManyConnections);
            match self.ban {
                Some(ban) => refusal.ban_for(ban),
                None => refusal.message(format!("too many at once; the next may come in {wait:.1?}")),
            }
        })
    }
}
