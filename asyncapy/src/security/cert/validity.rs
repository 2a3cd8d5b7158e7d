use std::time::{SystemTime, UNIX_EPOCH};

/// How long a certificate is valid, from its making on.
///
/// It begins an hour earlier, for machines whose clocks are behind, and never outlasts the authority's own certificate.
///
/// ```
/// use asyncapy::security::Validity;
/// assert_eq!(Validity::SERVER, Validity::days(90));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Validity {
    days: u32,
}

impl Validity {
    /// Of an authority: 10 years, since everybody who trusts it must be told of the next one.
    pub const AUTHORITY: Self = Self::days(3_650);
    /// Of a server: 90 days, since a server takes a new one while it runs.
    pub const SERVER: Self = Self::days(90);
    /// Of a client: one year.
    pub const CLIENT: Self = Self::days(365);

    /// So many days, at least one and at most 36,500.
    pub const fn days(days: u32) -> Self {
        Self {
            days: match days {
                0 => 1,
                1..=36_500 => days,
                _ => 36_500,
            },
        }
    }

    /// First and last second, since 1970.
    pub(super) fn span(self) -> (u64, u64) {
        let now = now();
        (now.saturating_sub(3_600), now.saturating_add(86_400 * u64::from(self.days)))
    }
}

/// Seconds since 1970, before the year 8000: a clock that is further off would end in dates that a certificate cannot
/// hold.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    now.min(190_000_000_000)
}
