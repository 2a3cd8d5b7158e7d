use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::schedule::{Schedule, Side};
use super::{Opening, SealError, SealKey, Sealing, hex};
use crate::wire::v3::SealOffer;

/// The 32 random bytes that one side adds to the keys of one connection. It is no secret; HELLO carries it as text, in 64
/// lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealSalt([u8; 32]);

impl SealSalt {
    fn draw() -> Result<Self, SealError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| SealError::Random(error.to_string()))?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SealSalt {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        hex::decode(text).map(Self).ok_or(SealError::Salt)
    }
}

impl fmt::Display for SealSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for SealSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealSalt({self})")
    }
}

/// One side on its way to a sealed connection: it has a key and a salt, and waits for the other side's.
///
/// The connecting side makes one of its key; the accepting side has [`SealKeys`](super::SealKeys) make one for the id
/// that it is asked for.
///
/// ```
/// use asyncapy::security::{Handshake, SealKey, SealKeys};
/// use bytes::BytesMut;
///
/// let key = SealKey::generate("billing")?;
/// let keys = SealKeys::new([key.clone()])?;
///
/// let connecting = Handshake::connecting(&key)?;
/// let accepting = keys.accept(&connecting.offer().key)?;
/// let (ours, theirs) = (*connecting.salt(), *accepting.salt());
/// let hellos: [&[u8]; 2] = [b"HELLO of the client", b"HELLO of the server"];
/// let mut client = connecting.finish(&theirs, hellos)?;
/// let mut server = accepting.finish(&ours, hellos)?;
///
/// let mut out = BytesMut::from(&b"header|payload"[..]);
/// client.seal.seal_in_place(&mut out, 0, 7)?;
/// let (header, payload) = out.split_at_mut(7);
/// let length = server.open.open(header, payload)?;
/// assert_eq!(payload[..length], *b"payload");
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Debug)]
pub struct Handshake {
    side: Side,
    key: SealKey,
    salt: SealSalt,
    retired: Arc<AtomicBool>,
}

/// Both directions of a sealed connection.
#[derive(Debug)]
pub struct Sealer {
    /// What this side sends.
    pub seal: Sealing,
    /// What this side receives.
    pub open: Opening,
}

impl Handshake {
    /// The connecting side's.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn connecting(key: &SealKey) -> Result<Self, SealError> {
        Self::new(Side::Connecting, key.clone(), Arc::default())
    }

    /// The accepting side's; `retired` is set when the key is taken back from the connections that have it.
    pub(super) fn accepting(key: SealKey, retired: Arc<AtomicBool>) -> Result<Self, SealError> {
        Self::new(Side::Accepting, key, retired)
    }

    fn new(side: Side, key: SealKey, retired: Arc<AtomicBool>) -> Result<Self, SealError> {
        Ok(Self { side, key, salt: SealSalt::draw()?, retired })
    }

    /// This side's salt.
    pub fn salt(&self) -> &SealSalt {
        &self.salt
    }

    /// What this side's HELLO says of it.
    pub fn offer(&self) -> SealOffer {
        SealOffer { key: self.key.id().to_owned(), salt: self.salt.to_string() }
    }

    /// Both directions, once the other side's salt is known. `hellos` are the two HELLO frames as they stand on the
    /// wire, each from its version byte to its end, the connecting side's first: if the two sides have not seen the
    /// same, nothing opens.
    ///
    /// # Errors
    /// None that is known of: the derivation refuses only keys of a length that these do not have.
    pub fn finish(self, peer: &SealSalt, hellos: [&[u8]; 2]) -> Result<Sealer, SealError> {
        let salts = match self.side {
            Side::Connecting => [&self.salt, peer],
            Side::Accepting => [peer, &self.salt],
        };
        let schedule = Schedule::new(&self.key, salts, hellos);
        Ok(Sealer {
            seal: Sealing::new(schedule.key(self.side)?, Arc::clone(&self.retired)),
            open: Opening::new(schedule.key(self.side.other())?, self.retired),
        })
    }

    #[cfg(test)]
    pub(super) fn with_salt(mut self, salt: [u8; 32]) -> Self {
        self.salt = SealSalt(salt);
        self
    }
}
