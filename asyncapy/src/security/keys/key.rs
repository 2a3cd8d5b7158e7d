use std::fmt;

use super::{KeyError, hex};

/// In front of every key, so that a reader, or a scanner for leaked secrets, knows one when it sees it.
const PREFIX: &str = "ak_";
/// Hexadecimal digits of the public identifier: 64 bits.
const ID_DIGITS: usize = 16;
/// Hexadecimal digits of the secret: 256 bits (LIMITS, protection 2).
const SECRET_DIGITS: usize = 64;
/// The length of a key in bytes. Anything else is no key and is never hashed, so a long text costs nothing.
const LENGTH: usize = PREFIX.len() + ID_DIGITS + 1 + SECRET_DIGITS;

/// An API key as its holder has it: `ak_`, a public identifier of 16 hexadecimal digits, `_`, a secret of 64.
///
/// This value is the only place where the secret exists in full; the store keeps a hash. [`Display`](fmt::Display)
/// writes the key, to hand it over; [`Debug`] hides the secret, so that it does not end in a log.
///
/// ```
/// # fn main() -> Result<(), asyncapy::security::KeyError> {
/// let key = asyncapy::security::ApiKeys::in_memory().issue(())?;
/// assert!(key.to_string().starts_with("ak_"));
/// assert!(!format!("{key:?}").contains(key.as_str()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key under the identifier, its secret drawn from the operating system.
    pub(super) fn draw(id: &str) -> Result<Self, KeyError> {
        let secret: [u8; SECRET_DIGITS / 2] = random()?;
        Ok(Self(format!("{PREFIX}{id}_{}", hex::encode(&secret))))
    }

    /// A new identifier, drawn from the operating system.
    pub(super) fn draw_id() -> Result<String, KeyError> {
        Ok(hex::encode(&random::<{ ID_DIGITS / 2 }>()?))
    }

    /// The identifier in a text that has the form of a key; `None` for every other text.
    pub(super) fn id_of(text: &str) -> Option<&str> {
        if text.len() != LENGTH {
            return None;
        }
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        (hex::is_hex(id, ID_DIGITS) && hex::is_hex(secret, SECRET_DIGITS)).then_some(id)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The public part, by which [`ApiKeys::list`](super::ApiKeys::list) names the key; it is no secret.
    pub fn id(&self) -> &str {
        Self::id_of(&self.0).unwrap_or_default()
    }
}

/// Bytes from the operating system's own generator.
pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(bytes)
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({PREFIX}{}_..)", self.id())
    }
}

impl AsRef<str> for ApiKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<ApiKey> for String {
    fn from(key: ApiKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_carries_its_id_and_hides_its_secret() {
        let id = ApiKey::draw_id().unwrap();
        let key = ApiKey::draw(&id).unwrap();
        assert_eq!((key.id(), key.as_str().len()), (&*id, LENGTH));
        assert_eq!(format!("{key:?}"), format!("ApiKey(ak_{id}_..)"));
        assert_eq!(String::from(key.clone()), key.to_string());
    }

    #[test]
    fn only_the_form_of_a_key_is_read() {
        let key = ApiKey::draw("0123456789abcdef").unwrap().to_string();
        assert_eq!(ApiKey::id_of(&key), Some("0123456789abcdef"));
        let shorter = key[..LENGTH - 1].to_owned();
        let upper = key.to_uppercase();
        let shifted = format!("ak_0123456789abcde_f{}", &key[PREFIX.len() + ID_DIGITS + 1..]);
        let letter = format!("{shorter}g");
        let wide = format!("{}é", &key[..LENGTH - 2]);
        for text in ["", "ak_", "ak__", &shorter, &upper, &shifted, &letter, &wide, &format!("{key}0")] {
            assert_eq!(ApiKey::id_of(text), None, "{text:?}");
        }
    }
}
