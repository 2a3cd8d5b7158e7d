use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What a frame is for: its Kind byte (protocol V3).
///
/// ```
/// use asyncapy::wire::v3::FrameKind;
/// assert_eq!(FrameKind::from_byte(3), Some(FrameKind::Item));
/// assert_eq!(FrameKind::from_byte(9), None);
/// assert_eq!(FrameKind::GoAway.to_string(), "GOAWAY");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Who is there: identity, credentials, limits. Optional.
    Hello = 1,
    /// A stream begins: target, deadline, arguments.
    Open = 2,
    /// A value of a stream, or its end.
    Item = 3,
    /// A stream ends by a failure.
    Error = 4,
    /// The sender wants nothing more of a stream.
    Cancel = 5,
    /// The sender may be sent more.
    Credit = 6,
    /// Is the other side there?
    Ping = 7,
    /// The sender takes no new streams.
    GoAway = 8,
}

impl FrameKind {
    /// The kind whose byte this is.
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => FrameKind::Hello,
            2 => FrameKind::Open,
            3 => FrameKind::Item,
            4 => FrameKind::Error,
            5 => FrameKind::Cancel,
            6 => FrameKind::Credit,
            7 => FrameKind::Ping,
            8 => FrameKind::GoAway,
            _ => return None,
        })
    }

    /// The byte that stands for it in a frame.
    #[inline]
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// Its name, as the chapter has it.
    pub fn name(self) -> &'static str {
        match self {
            FrameKind::Hello => "HELLO",
            FrameKind::Open => "OPEN",
            FrameKind::Item => "ITEM",
            FrameKind::Error => "ERROR",
            FrameKind::Cancel => "CANCEL",
            FrameKind::Credit => "CREDIT",
            FrameKind::Ping => "PING",
            FrameKind::GoAway => "GOAWAY",
        }
    }

    /// The flags that a frame of this kind may have.
    #[inline]
    pub const fn allowed(self) -> Flags {
        let sealed = Flags::COMPRESSED.0 | Flags::SEALED.0;
        Flags(match self {
            FrameKind::Open => Flags::END.0 | Flags::HEAD.0 | Flags::NAME.0 | Flags::DEADLINE.0 | sealed,
            FrameKind::Item => Flags::END.0 | Flags::HEAD.0 | Flags::EMPTY.0 | sealed,
            FrameKind::Error => Flags::HEAD.0 | sealed,
            FrameKind::Ping => Flags::ACK.0,
            FrameKind::Hello | FrameKind::Cancel | FrameKind::Credit | FrameKind::GoAway => 0,
        })
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A frame's Flags byte (protocol V3).
///
/// ```
/// use asyncapy::wire::v3::Flags;
/// let flags = Flags::END | Flags::HEAD;
/// assert!(flags.has(Flags::END) && !flags.has(Flags::NAME));
/// assert_eq!(flags.0, 0x03);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// The sender's last frame of the stream.
    pub const END: Self = Self(0x01);
    /// A head of metadata stands before the payload.
    pub const HEAD: Self = Self(0x02);
    /// OPEN: the target's number is followed by its name, to which it is bound.
    pub const NAME: Self = Self(0x04);
    /// OPEN: how long the opener waits.
    pub const DEADLINE: Self = Self(0x08);
    /// ITEM: there is no value; always with [`END`](Self::END).
    pub const EMPTY: Self = Self(0x10);
    /// The payload is compressed.
    pub const COMPRESSED: Self = Self(0x20);
    /// The payload is sealed.
    pub const SEALED: Self = Self(0x40);
    /// PING: an answer.
    pub const ACK: Self = Self(0x80);

    /// Whether all of `flags` are set.
    #[inline]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether none is set.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These flags, and `flags` if `on`.
    #[inline]
    #[must_use]
    pub const fn with(self, flags: Self, on: bool) -> Self {
        if on { Self(self.0 | flags.0) } else { self }
    }

    /// These flags but for `flags`.
    #[inline]
    #[must_use]
    pub const fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
