use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Guard, Incoming, Refusal};
use crate::error::{Code, Result};
use crate::handler::filter::Ip;

/// Addresses and networks that are allowed, or blocked: `192.168.0.2`, `10.0.0.0/8`, `fd00::/8`.
///
/// If there is an allow list, it alone counts, and a client that is not on it does not come in, be it blocked or not; a
/// client on a UNIX socket has no address and is on no list. Without one, all come in but those that are blocked. Clones
/// share the lists, so that a clone kept aside changes them while the server runs, for the connections to come.
/// `ERR_UNAUTHORIZED`.
///
/// ```
/// use asyncapy::server::guard::AddressList;
///
/// let list = AddressList::blocking(["203.0.113.0/24"])?;
/// # asyncapy::Server::builder().connection_guard(list.clone());
/// list.block("198.51.100.7")?;
/// assert!(!list.admits("203.0.113.5".parse()?) && list.admits("192.0.2.1".parse()?));
///
/// list.allow("192.168.0.0/31")?; // from now on nobody else
/// assert!(list.admits("192.168.0.1".parse()?) && !list.admits("192.0.2.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct AddressList {
    lists: Arc<Lists>,
}

#[derive(Default)]
struct Lists {
    /// `None` lets everybody in who is not blocked; an empty list lets nobody in.
    allowed: RwLock<Option<Ip>>,
    blocked: Ip,
}

impl AddressList {
    /// Allows these addresses and networks and no others.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) names the first one that is no address, or a network with bits set beyond
    /// its prefix.
    pub fn allowing<T: AsRef<str>>(addresses: impl IntoIterator<Item = T>) -> Result<Self> {
        let list = Self::default();
        list.set_allowed(Some(addresses))?;
        Ok(list)
    }

    /// Blocks these addresses and networks and no others.
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing).
    pub fn blocking<T: AsRef<str>>(addresses: impl IntoIterator<Item = T>) -> Result<Self> {
        let list = Self::default();
        list.set_blocked(addresses)?;
        Ok(list)
    }

    /// Allows one more address or network. The first one makes the allow list, which alone counts from then on.
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing).
    pub fn allow(&self, address: &str) -> Result<()> {
        let mut allowed = self.lists.allowed.write().unwrap_or_else(PoisonError::into_inner);
        match &*allowed {
            Some(list) => list.allow(address),
            None => {
                *allowed = Some(Ip::new([address])?);
                Ok(())
            }
        }
    }

    /// Takes an address or network off the allow list, as it was given; true if it was there. When the last one is gone,
    /// nobody is allowed: [`set_allowed`](Self::set_allowed) with `None` takes the list itself away.
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing).
    pub fn disallow(&self, address: &str) -> Result<bool> {
        match self.allowed() {
            Some(list) => list.remove(address),
            None => Ip::new([address]).map(|_| false),
        }
    }

    /// Makes the allow list anew, or takes it away.
    ///
    /// ```
    /// # let list = asyncapy::server::guard::AddressList::default();
    /// list.set_allowed(Some(["127.0.0.1"]))?;
    /// list.set_allowed(None::<[&str; 0]>)?;
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing); nothing is changed then.
    pub fn set_allowed<T: AsRef<str>>(&self, addresses: Option<impl IntoIterator<Item = T>>) -> Result<()> {
        let new = addresses.map(Ip::new).transpose()?;
        *self.lists.allowed.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Blocks one more address or network.
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing).
    pub fn block(&self, address: &str) -> Result<()> {
        self.lists.blocked.allow(address)
    }

    /// Blocks an address or network no more, as it was given; true if it was blocked.
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing).
    pub fn unblock(&self, address: &str) -> Result<bool> {
        self.lists.blocked.remove(address)
    }

    /// Blocks these and no others.
    ///
    /// # Errors
    /// Those of [`allowing`](Self::allowing); nothing is changed then.
    pub fn set_blocked<T: AsRef<str>>(&self, addresses: impl IntoIterator<Item = T>) -> Result<()> {
        self.lists.blocked.set(addresses)
    }

    /// Whether a client at this address comes in. An IPv4 address that is mapped into IPv6 is the IPv4 address.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.decide(Some(address))
    }

    fn allowed(&self) -> Option<Ip> {
        self.lists.allowed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn decide(&self, address: Option<IpAddr>) -> bool {
        match self.allowed() {
            Some(allowed) => address.is_some_and(|address| allowed.contains(address)),
            None => address.is_none_or(|address| !self.lists.blocked.contains(address)),
        }
    }
}

impl Guard for AddressList {
    async fn admit(&self, incoming: &Incoming) -> Result<(), Refusal> {
        if self.decide(incoming.address().ip()) { Ok(()) } else { Err(Refusal::new(Code::Unauthorized)) }
    }
}

impl fmt::Debug for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressList")
            .field("allowed", &self.allowed())
            .field("blocked", &self.lists.blocked)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(list: &AddressList, address: &str) -> bool {
        list.admits(address.parse().unwrap())
    }

    #[test]
    fn an_allow_list_alone_counts() {
        let list = AddressList::blocking(["10.0.0.2", "fd00::/8"]).unwrap();
        assert!(admits(&list, "10.0.0.1") && !admits(&list, "::ffff:10.0.0.2") && !admits(&list, "fd12::1"));
        assert!(list.decide(None), "a UNIX socket is not blocked");
        list.allow("10.0.0.0/30").unwrap();
        assert!(admits(&list, "10.0.0.2") && !admits(&list, "10.0.0.4") && !list.decide(None));
        assert!(list.disallow("10.0.0.0/30").unwrap() && !list.disallow("10.0.0.0/30").unwrap());
        assert!(!admits(&list, "10.0.0.1"), "an empty list allows nobody");
        list.set_allowed(None::<[&str; 0]>).unwrap();
        assert!(admits(&list, "10.0.0.1") && !admits(&list, "10.0.0.2"));
    }

    #[test]
    fn mistakes_change_nothing() {
        let list = AddressList::allowing(["::ffff:10.0.0.0/104"]).unwrap();
        assert!(list.allow("10.0.0.1/8").unwrap_err().to_string().contains("did you mean 10.0.0.0/8"));
        assert!(list.set_allowed(Some(["localhost"])).is_err() && list.block("").is_err());
        assert!(admits(&list, "10.1.2.3") && !admits(&list, "11.0.0.0"));
    }
}
