use std::fmt;
use std::str::FromStr;

/// A setting's text is none of those that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSetting {
    found: String,
    allowed: &'static str,
}

impl InvalidSetting {
    pub(super) fn new(found: impl fmt::Display, allowed: &'static str) -> Self {
        Self { found: found.to_string(), allowed }
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is none of: {}", self.found.escape_debug(), self.allowed)
    }
}

impl std::error::Error for InvalidSetting {}

/// The byte order of the Content-Length header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteOrder {
    /// Most significant byte first, the standard.
    #[default]
    Big,
    /// Least significant byte first.
    Little,
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ByteOrder::Big => "big",
            ByteOrder::Little => "little",
        })
    }
}

impl FromStr for ByteOrder {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        match text {
            "big" => Ok(ByteOrder::Big),
            "little" => Ok(ByteOrder::Little),
            other => Err(InvalidSetting::new(other, "big, little")),
        }
    }
}

/// The size of the Content-Length header in bytes: 1, 2, 4 (the standard) or 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum HeaderSize {
    /// 1 byte.
    One = 1,
    /// 2 bytes.
    Two = 2,
    /// 4 bytes.
    #[default]
    Four = 4,
    /// 8 bytes.
    Eight = 8,
}

impl HeaderSize {
    /// The size in bytes.
    #[inline]
    pub fn bytes(self) -> usize {
        self as usize
    }

    /// The greatest Content-Length that the header can say.
    pub(super) fn greatest(self) -> u64 {
        match self {
            HeaderSize::One => u8::MAX.into(),
            HeaderSize::Two => u16::MAX.into(),
            HeaderSize::Four => u32::MAX.into(),
            HeaderSize::Eight => u64::MAX,
        }
    }
}

impl TryFrom<usize> for HeaderSize {
    type Error = InvalidSetting;

    fn try_from(bytes: usize) -> Result<Self, InvalidSetting> {
        match bytes {
            1 => Ok(HeaderSize::One),
            2 => Ok(HeaderSize::Two),
            4 => Ok(HeaderSize::Four),
            8 => Ok(HeaderSize::Eight),
            other => Err(InvalidSetting::new(other, "1, 2, 4, 8")),
        }
    }
}

impl TryFrom<u8> for HeaderSize {
    type Error = InvalidSetting;

    fn try_from(bytes: u8) -> Result<Self, InvalidSetting> {
        usize::from(bytes).try_into()
    }
}

impl fmt::Display for HeaderSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_written() {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        assert_eq!("Big".parse::<ByteOrder>().unwrap_err().to_string(), "`Big` is none of: big, little");
        assert_eq!(HeaderSize::try_from(3u8).unwrap_err().to_string(), "`3` is none of: 1, 2, 4, 8");
    }
}
