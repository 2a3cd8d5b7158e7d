use ring::aead::{CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use sha2::{Digest, Sha256};

use super::{SealError, SealKey, SealSalt};

/// Which side of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Connecting,
    Accepting,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Side::Connecting => Side::Accepting,
            Side::Accepting => Side::Connecting,
        }
    }

    /// What the key is for that this side seals with. The number is the version of this schedule.
    fn label(self) -> &'static [u8] {
        match self {
            Side::Connecting => b"asyncapy seal 1 connecting",
            Side::Accepting => b"asyncapy seal 1 accepting",
        }
    }
}

/// What the two keys of a connection are made of.
pub(super) struct Schedule {
    prk: Prk,
    hellos: [[u8; 32]; 2],
}

impl Schedule {
    /// Salts and HELLOs are those of the connecting side, then of the accepting side.
    pub(super) fn new(key: &SealKey, salts: [&SealSalt; 2], hellos: [&[u8]; 2]) -> Self {
        let salt = [*salts[0].bytes(), *salts[1].bytes()];
        Self {
            prk: Salt::new(HKDF_SHA256, salt.as_flattened()).extract(key.secret()),
            hellos: hellos.map(|hello| Sha256::digest(hello).into()),
        }
    }

    /// The key that the side seals with.
    pub(super) fn key(&self, side: Side) -> Result<LessSafeKey, SealError> {
        let info = [side.label(), &self.hellos[0], &self.hellos[1]];
        // HKDF refuses what is longer than 255 hashes; a key is one.
        let okm = self.prk.expand(&info, &CHACHA20_POLY1305).map_err(|_| SealError::Invalid)?;
        Ok(LessSafeKey::new(UnboundKey::from(okm)))
    }
}
