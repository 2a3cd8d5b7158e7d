use super::Encoding;

/// What a payload may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLimits {
    /// How deep maps and lists may nest; the payload's own map is the first level.
    pub depth: u16,
    /// How many values there may be in all.
    pub nodes: u32,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self { depth: 64, nodes: 65_536 }
    }
}

/// Why a payload was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// It does not decode in its encoding, or is not a map.
    Malformed {
        /// Where, in bytes from the payload's start.
        offset: usize,
        /// What was expected or found.
        reason: &'static str,
    },
    /// It nests deeper than allowed.
    TooDeep,
    /// It holds more values than allowed.
    TooManyNodes,
}

/// Where the top-level fields of a payload lie.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(super) entries: Vec<()>,
}

impl Index {
    /// Checks `payload` whole and notes its top-level fields, in the place of what was noted before.
    pub fn build(
        &mut self,
        payload: &[u8],
        encoding: Encoding,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        let _ = (payload, encoding, limits);
        todo!()
    }

    /// How many top-level fields there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
