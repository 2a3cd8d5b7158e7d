use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

use ipnet::{IpNet, Ipv4Net};

use super::{Filter, Shape};
use crate::error::{Error, Result};
use crate::handler::{Client, Request};
use crate::packet::Packet;

/// Clients at certain addresses: single ones (`127.0.0.1`, `::1`) and networks (`10.0.0.0/8`), IPv4 and IPv6. A network
/// of IPv4 addresses mapped into IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 network.
///
/// Clones share one list, so that a clone kept aside changes the filter while the server runs. The address is the
/// peer's. A client on a UNIX socket has none and does not pass.
///
/// ```
/// use std::sync::LazyLock;
/// use asyncapy::{handler::filter::Ip, handler};
///
/// static ALLOWED: LazyLock<Ip> = LazyLock::new(|| Ip::new(["127.0.0.1"]).expect("addresses"));
///
/// #[handler(filter = ALLOWED)]
/// async fn local() {}
///
/// ALLOWED.allow("10.0.0.0/8")?;
/// ALLOWED.remove("127.0.0.1")?;
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Ip {
    networks: Arc<RwLock<Vec<IpNet>>>,
    /// Nobody holds a clone by which it could be changed.
    fixed: bool,
}

impl Ip {
    /// Allows these addresses and networks.
    ///
    /// # Errors
    /// [`Error::Config`] names the first one that is no address, or a network with bits set beyond its prefix.
    pub fn new<T: AsRef<str>>(addresses: impl IntoIterator<Item = T>) -> Result<Self> {
        let networks = addresses.into_iter().map(|address| parse(address.as_ref())).collect::<Result<_>>()?;
        Ok(Self { networks: Arc::new(RwLock::new(networks)), fixed: false })
    }

    /// The list in an attribute, which the macro has checked and nobody changes.
    pub(crate) fn fixed(addresses: &[&str]) -> Self {
        let networks = addresses.iter().filter_map(|address| parse(address).ok()).collect();
        Self { networks: Arc::new(RwLock::new(networks)), fixed: true }
    }

    /// Allows one more address or network, from the next packet on.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn allow(&self, address: &str) -> Result<()> {
        let network = parse(address)?;
        self.change(|networks| {
            if !networks.contains(&network) {
                networks.push(network);
            }
        });
        Ok(())
    }

    /// Takes an address or network back, as it was given; true if it was there.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn remove(&self, address: &str) -> Result<bool> {
        let network = parse(address)?;
        let mut removed = false;
        self.change(|networks| {
            let before = networks.len();
            networks.retain(|known| *known != network);
            removed = networks.len() < before;
        });
        Ok(removed)
    }

    /// Allows these and no others.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); nothing is changed then.
    pub fn set<T: AsRef<str>>(&self, addresses: impl IntoIterator<Item = T>) -> Result<()> {
        let new = addresses.into_iter().map(|address| parse(address.as_ref())).collect::<Result<_>>()?;
        self.change(|networks| *networks = new);
        Ok(())
    }

    /// Whether an address passes.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks().iter().any(|network| network.contains(&address))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<IpNet>)) {
        change(&mut self.networks.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn networks(&self) -> std::sync::RwLockReadGuard<'_, Vec<IpNet>> {
        self.networks.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every address that passes `other` passes here, now and later.
    pub(crate) fn covers(&self, other: &Ip) -> bool {
        if Arc::ptr_eq(&self.networks, &other.networks) {
            return true;
        }
        let (wide, narrow) = (self.networks(), other.networks());
        self.fixed && other.fixed && narrow.iter().all(|narrow| wide.iter().any(|wide| wide.contains(narrow)))
    }

    fn matches(&self, client: &Client) -> bool {
        client.address().ip().is_some_and(|address| self.contains(address))
    }
}

fn parse(text: &str) -> Result<IpNet> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let network: IpNet = text.parse().map_err(|_| {
        Error::Config(format!("{text:?} is neither an address (127.0.0.1, ::1) nor a network (10.0.0.0/8)"))
    })?;
    if network.trunc() != network {
        let meant = network.trunc();
        return Err(Error::Config(format!("{text:?} has bits set beyond its prefix; did you mean {meant}?")));
    }
    unmapped(network).ok_or_else(|| {
        Error::Config(format!(
            "{text:?} holds the IPv4 addresses that are mapped into IPv6 and others beside them; say both apart, such \
             as 0.0.0.0/0 and ::/0"
        ))
    })
}

/// The IPv4 network that a network of mapped addresses (`::ffff:10.0.0.0/104`) stands for, since no client is ever at a
/// mapped address; any other as it is. `None` for one that is neither the one nor the other.
fn unmapped(network: IpNet) -> Option<IpNet> {
    /// How many bits come before the IPv4 address in a mapped one.
    const PREFIX: u8 = 96;

    let IpNet::V6(six) = network else { return Some(network) };
    match (six.addr().to_ipv4_mapped(), six.prefix_len().checked_sub(PREFIX)) {
        (Some(four), Some(length)) => Ipv4Net::new(four, length).ok().map(IpNet::V4),
        // All of IPv6, or its lowest part with all that is mapped: whoever writes it means IPv6.
        _ if six.addr().is_unspecified() => Some(network),
        _ if six.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()) => None,
        _ => Some(network),
    }
}

impl Filter for Ip {
    fn check(&self, client: &Client, _: &Packet) -> bool {
        self.matches(client)
    }

    fn check_request(&self, request: &Request<'_>) -> bool {
        self.matches(request.client())
    }

    fn shape(&self) -> Shape<'_> {
        Shape::Ip(self)
    }

    fn describe(&self) -> String {
        let networks: Vec<_> = self
            .networks()
            .iter()
            .map(|network| {
                if network.prefix_len() == network.max_prefix_len() {
                    network.addr().to_string()
                } else {
                    network.to_string()
                }
            })
            .collect();
        format!("ip [{}]", networks.join(", "))
    }
}

impl fmt::Debug for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(ip: &Ip, address: &str) -> bool {
        ip.contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_and_networks_of_both_families() {
        let ip = Ip::new(["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"]).unwrap();
        for inside in ["127.0.0.1", "10.200.3.4", "::1", "fd12::1", "::ffff:127.0.0.1"] {
            assert!(contains(&ip, inside), "{inside}");
        }
        for outside in ["127.0.0.2", "11.0.0.0", "::2", "fe00::1"] {
            assert!(!contains(&ip, outside), "{outside}");
        }
    }

    #[test]
    fn networks_of_mapped_addresses_are_those_of_ipv4() {
        let ip = Ip::new(["::ffff:10.0.0.0/104", "::ffff:192.168.0.7/128"]).unwrap();
        assert_eq!(ip.describe(), "ip [10.0.0.0/8, 192.168.0.7]");
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "192.168.0.7"] {
            assert!(contains(&ip, inside), "{inside}");
        }
        assert!(!contains(&ip, "11.0.0.0") && !contains(&ip, "::a01:203"));
        assert!(ip.remove("10.0.0.0/8").unwrap(), "it is the same network");
        let all = Ip::new(["::ffff:0.0.0.0/96"]).unwrap();
        assert!(contains(&all, "1.2.3.4") && !contains(&all, "::1"));
        let six = Ip::new(["::/0"]).unwrap();
        assert!(contains(&six, "::1") && !contains(&six, "1.2.3.4"));
        let error = Ip::new(["::fffe:0:0/95"]).unwrap_err().to_string();
        assert!(error.contains("say both apart"), "{error}");
    }

    #[test]
    fn changes_are_seen_by_clones() {
        let ip = Ip::new(["127.0.0.1"]).unwrap();
        let kept = ip.clone();
        kept.allow("10.0.0.0/8").unwrap();
        assert!(contains(&ip, "10.1.1.1"));
        assert!(kept.remove("127.0.0.1").unwrap());
        assert!(!kept.remove("127.0.0.1").unwrap());
        assert!(!contains(&ip, "127.0.0.1"));
        kept.set(["::1"]).unwrap();
        assert!(!contains(&ip, "10.1.1.1"));
    }

    #[test]
    fn mistakes_say_what_was_meant() {
        let error = Ip::new(["10.0.0.1/8"]).unwrap_err().to_string();
        assert!(error.contains("did you mean 10.0.0.0/8"), "{error}");
        assert!(Ip::new(["localhost"]).is_err());
        assert!(Ip::new(["10.0.0.0/33"]).is_err());
    }
}
