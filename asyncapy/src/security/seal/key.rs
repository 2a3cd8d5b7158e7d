use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{SealKeyError, hex};

/// The longest id of a key, in bytes: half a secret, so that a secret that stands in its place is noticed.
const LONGEST_ID: usize = 32;

/// A secret of 32 bytes that two sides share, and the id by which the accepting side finds it.
///
/// As text it is the id, a space, and 64 lowercase hexadecimal digits, as `openssl rand -hex 32` writes them.
/// [`Debug`] hides the secret, and its memory is cleared when the key is dropped. Whoever has the secret can read and
/// forge everything: a key per client lets one be taken back without the others.
///
/// ```
/// use asyncapy::security::SealKey;
///
/// let key = SealKey::generate("billing")?;
/// let same: SealKey = key.to_text().parse()?;
/// assert_eq!(key, same);
/// assert_eq!(format!("{key:?}"), "SealKey(billing)");
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone)]
pub struct SealKey {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

impl SealKey {
    /// A key with the secret given, which must come from a generator of random bytes: a password is none.
    ///
    /// # Errors
    /// [`SealKeyError::Id`].
    pub fn new(id: impl Into<String>, secret: [u8; 32]) -> Result<Self, SealKeyError> {
        let secret = Zeroizing::new(secret);
        let id = id.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if id.len() > LONGEST_ID {
            // It may hold the secret.
            return Err(SealKeyError::Id(format!("{}..", id.chars().take(8).collect::<String>())));
        }
        if id.is_empty() || !id.bytes().all(fits) {
            return Err(SealKeyError::Id(id));
        }
        Ok(Self { id, secret })
    }

    /// A new key, its secret drawn from the operating system.
    ///
    /// # Errors
    /// [`SealKeyError::Id`], [`SealKeyError::Random`].
    pub fn generate(id: impl Into<String>) -> Result<Self, SealKeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(|error| SealKeyError::Random(error.to_string()))?;
        Self::new(id, *secret)
    }

    /// A key whose secret is 64 lowercase hexadecimal digits.
    ///
    /// # Errors
    /// [`SealKeyError::Id`], [`SealKeyError::Secret`].
    pub fn from_hex(id: impl Into<String>, secret: &str) -> Result<Self, SealKeyError> {
        let decoded = hex::decode(secret).map(Zeroizing::new);
        // A bad id is told first: it may be that the two were exchanged.
        let key = Self::new(id, decoded.as_deref().copied().unwrap_or_default())?;
        if decoded.is_none() {
            return Err(SealKeyError::Secret { id: key.id });
        }
        Ok(key)
    }

    /// What the peer finds the key by; it is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as text, to hand it over: the id, a space, the secret.
    pub fn to_text(&self) -> String {
        format!("{} {}", self.id, hex::encode(&*self.secret))
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl FromStr for SealKey {
    type Err = SealKeyError;

    fn from_str(text: &str) -> Result<Self, SealKeyError> {
        let text = text.trim();
        let (id, secret) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        Self::from_hex(id, secret.trim_start())
    }
}

impl PartialEq for SealKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && bool::from(self.secret.ct_eq(&*other.secret))
    }
}

impl Eq for SealKey {}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = SealKey::generate("a.b_c-9").unwrap();
        assert_eq!(key.to_text().parse::<SealKey>().unwrap(), key);
        assert_eq!(format!("  {}\n", key.to_text().replace(' ', "\t  ")).parse::<SealKey>().unwrap(), key);
        assert_ne!(SealKey::generate("a.b_c-9").unwrap(), key);
    }

    #[test]
    fn other_texts_are_refused_without_a_word_of_the_secret() {
        let secret = "0123456789abcdef".repeat(4);
        let long = "a".repeat(33);
        let texts = [
            String::new(),
            secret.clone(),
            format!("id{secret}"),
            format!("id:{secret}"),
            format!("id {secret}0"),
            format!("id {}", secret.to_uppercase()),
            format!("id {secret} more"),
            format!("{secret} id"),
            format!("{long} {secret}"),
            format!("é {secret}"),
        ];
        for text in texts {
            let refused = text.parse::<SealKey>().unwrap_err();
            let told = format!("{refused} {refused:?}").to_lowercase();
            assert!(!told.contains("89abcdef01234567"), "{told}");
        }
    }
}
