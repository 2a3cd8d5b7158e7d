use super::{IncomingCall, RateLimited};
use crate::rpc::ApiKeyIdentity;
use crate::security::Rate;

impl RateLimited<IncomingCall, String> {
    /// By the API key that the client has shown in its HELLO; clients without one are not limited, so that it is for
    /// servers that ask for [`credentials`](crate::server::Builder::credentials).
    ///
    /// ```
    /// use std::time::Duration;
    /// use asyncapy::rpc::middleware::RateLimited;
    /// use asyncapy::security::{ApiKeys, Rate};
    ///
    /// let builder = asyncapy::Server::builder()
    ///     .credentials(ApiKeys::in_memory())
    ///     .middleware(RateLimited::by_api_key(Rate::new(600, Duration::from_secs(60))?));
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    pub fn by_api_key(rate: Rate) -> Self {
        Self::by(rate, |call: &IncomingCall| {
            call.session().get::<ApiKeyIdentity>().map(|key| key.id().to_owned())
        })
    }
}
