use std::fmt;
use std::str::FromStr;

use super::InvalidSetting;

/// How a payload is written: the Content-Encoding byte of a frame (protocol V2).
///
/// ```
/// use asyncapy::wire::Encoding;
/// assert_eq!(Encoding::from_byte(1), Some(Encoding::ZiProto));
/// assert_eq!("json".parse(), Ok(Encoding::Json));
/// assert_eq!(Encoding::ZiProto.to_string(), "ziproto");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// JSON, byte 0.
    Json = 0,
    /// ZiProto, byte 1: MessagePack less its ext types.
    ZiProto = 1,
}

impl Encoding {
    /// The encoding whose byte this is.
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Encoding::Json),
            1 => Some(Encoding::ZiProto),
            _ => None,
        }
    }

    /// The byte that stands for it in a frame.
    #[inline]
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// Its name, as configuration files and the command line have it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::ZiProto => "ziproto",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        match text {
            "json" => Ok(Encoding::Json),
            "ziproto" => Ok(Encoding::ZiProto),
            other => Err(InvalidSetting::new(other, "json, ziproto")),
        }
    }
}
