use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;

use super::{Middleware, Next, Outcome, Passing};
use crate::error::{Code, Rejection};
use crate::security::{Rate, RateLimit};

/// Limits how often each key may ask: an address, a function, or what the program says. `ERR_OVERLOADED`, with a message
/// that says how long to wait.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::Server;
/// use asyncapy::rpc::middleware::{IncomingCall, RateLimited};
/// use asyncapy::security::Rate;
///
/// /// Kept with the session when the client has shown it.
/// struct Account(u64);
///
/// let builder = Server::builder()
///     .middleware(RateLimited::by_address(Rate::per_second(1_000)?))
///     .middleware(RateLimited::by_name(Rate::per_second(10_000)?))
///     .middleware(RateLimited::by(Rate::new(600, Duration::from_secs(60))?, |call: &IncomingCall| {
///         call.session().get::<Account>().map(|account| account.0)
///     }));
/// # Ok::<(), asyncapy::Error>(())
/// ```
pub struct RateLimited<Q, K: Hash + Eq + Clone> {
    limit: RateLimit<K>,
    key: KeyOf<Q, K>,
}

/// Tells what counts together; what has no key is not limited.
type KeyOf<Q, K> = Box<dyn Fn(&Q) -> Option<K> + Send + Sync>;

impl<Q: Passing> RateLimited<Q, IpAddr> {
    /// By the client's address, the /64 network of an IPv6 address; clients on UNIX sockets are not limited.
    pub fn by_address(rate: Rate) -> Self {
        Self::by(rate, |request: &Q| request.client()?.address().host())
    }
}

impl<Q: Passing> RateLimited<Q, String> {
    /// By the name of the function or handler.
    pub fn by_name(rate: Rate) -> Self {
        Self::by(rate, |request: &Q| Some(request.name().to_owned()))
    }
}

impl<Q, K: Hash + Eq + Clone> RateLimited<Q, K> {
    /// By what a function says of a request; `None` is not limited. There are 65,536 keys at the most; those beyond
    /// share one rate.
    pub fn by(rate: Rate, key: impl Fn(&Q) -> Option<K> + Send + Sync + 'static) -> Self {
        Self { limit: RateLimit::new(rate), key: Box::new(key) }
    }
}

impl<Q, K> Middleware<Q> for RateLimited<Q, K>
where
    Q: Passing,
    K: Hash + Eq + Clone + Send + Sync + 'static,
{
    async fn handle(&self, request: Q, next: Next<Q>) -> Outcome<Q> {
        let key = (self.key)(&request);
        match key.map(|key| self.limit.check(&key)) {
            None | Some(Ok(())) => next.run(request).await,
            Some(Err(wait)) => {
                let message = format!("too often; the next may come in {wait:.1?}");
                Err(Rejection::new(Code::Overloaded).message(message).into())
            }
        }
    }
}

impl<Q, K: Hash + Eq + Clone> fmt::Debug for RateLimited<Q, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited").field("limit", &self.limit).finish_non_exhaustive()
    }
}
