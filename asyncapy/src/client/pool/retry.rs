use crate::error::{Error, Result};

/// When a call is made once more, at another server where there is one.
///
/// A call that surely was not run is repeated, whatever it does: the server said so when it drained, or nothing had been
/// sent. A call that may have been run is repeated only if its function is *idempotent*, and then if the connection was
/// lost or the server was unavailable or overloaded. Everything else is the caller's affair, as are streams and channels
/// once they are open. All attempts share the call's deadline.
///
/// ```
/// use asyncapy::client::{Retry, RpcClient};
///
/// let client = RpcClient::builder().server("127.0.0.1:1500").retry(Retry::default().attempts(5));
/// let strict = RpcClient::builder().server("127.0.0.1:1500").retry(Retry::never());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub(super) attempts: u32,
    pub(super) overloaded: u32,
}

impl Default for Retry {
    /// 3 attempts, of which no more than 32 a second follow on an overload.
    fn default() -> Self {
        Self { attempts: 3, overloaded: 32 }
    }
}

impl Retry {
    /// Each call is made once.
    pub fn never() -> Self {
        Self { attempts: 1, overloaded: 0 }
    }

    /// How often a call is made at most, the first time counted; 3 by default, from 1 to 16.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How many calls a second the whole client repeats because a server was overloaded or said that it was unavailable, 32
    /// by default: what helps one call would sink servers that all have too much to do.
    #[must_use]
    pub fn overloaded(mut self, per_second: u32) -> Self {
        self.overloaded = per_second;
        self
    }

    /// # Errors
    /// [`Error::Config`] says what is allowed.
    pub(super) fn check(&self) -> Result<()> {
        match self.attempts {
            1..=16 => Ok(()),
            _ => Err(Error::Config("retry: attempts must be from 1 to 16".to_owned())),
        }
    }
}
