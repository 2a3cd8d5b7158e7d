use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use bytes::BytesMut;

use crate::error::{Code, Error};
use crate::wire::Encoding;
use crate::wire::v3::{Flags, Frame, FrameKind};

/// Bytes in and out: what a server or a client does to every payload before it is sent and after it was received.
///
/// A processor is made once, and makes a pair of halves for each connection, which may keep state. Where there is none
/// to keep, it is enough to implement both halves for a type that can be cloned:
///
/// ```
/// use asyncapy::processor::{FrameInfo, Inbound, Outbound, Payload, Processor, ProcessorError};
///
/// /// For a peer that wants it so.
/// #[derive(Clone)]
/// struct Inverted;
///
/// impl Outbound for Inverted {
///     fn outbound(&mut self, _: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
///         payload.iter_mut().for_each(|byte| *byte = !*byte);
///         Ok(())
///     }
/// }
///
/// impl Inbound for Inverted {
///     fn inbound(&mut self, frame: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
///         self.outbound(frame, payload)
///     }
/// }
///
/// fn fits(_: impl Processor) {}
/// fits(Inverted);
/// ```
///
/// Only frames with a payload of the application go through it: OPEN, ITEM and ERROR, but for an ITEM that says that
/// there is no value. Nothing on the wire tells of it: both sides must have the same processors in the same order.
///
/// It runs within the connection's task, for each frame: it must neither wait nor take long.
pub trait Processor: Send + Sync + 'static {
    /// The two halves for a new connection.
    fn connect(&self) -> (Box<dyn Outbound>, Box<dyn Inbound>);
}

impl<P: Outbound + Inbound + Clone + Sync> Processor for P {
    fn connect(&self) -> (Box<dyn Outbound>, Box<dyn Inbound>) {
        (Box::new(self.clone()), Box::new(self.clone()))
    }
}

/// A processor's half for what one connection sends.
pub trait Outbound: Send + 'static {
    /// Changes a payload that is to be sent.
    ///
    /// # Errors
    /// The frame is not sent, and the connection ends with the error's code.
    fn outbound(&mut self, frame: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError>;
}

/// A processor's half for what one connection receives.
pub trait Inbound: Send + 'static {
    /// Changes a received payload back. It may come from anybody, in any form, and of any length up to the limit; it may
    /// not become longer than that either.
    ///
    /// # Errors
    /// The frame is not handled, and the connection ends; the peer reads the error's code and message.
    fn inbound(&mut self, frame: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError>;
}

/// What a processor knows of a frame besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameInfo {
    /// OPEN, ITEM or ERROR.
    pub kind: FrameKind,
    /// Its flags: those that it is received with; those that it has so far, if it is to be sent.
    pub flags: Flags,
    /// The encoding of the payload, once it is back as it was; `None` is raw bytes.
    pub encoding: Option<Encoding>,
    /// The stream's number.
    pub stream: u32,
}

impl From<&Frame> for FrameInfo {
    fn from(frame: &Frame) -> Self {
        let &Frame { kind, flags, encoding, stream, .. } = frame;
        Self { kind, flags, encoding, stream }
    }
}

/// A payload in its place. It reads as a slice of bytes and can be made shorter or longer; what lies before it is out
/// of reach.
pub struct Payload<'a> {
    bytes: &'a mut BytesMut,
    from: usize,
}

impl<'a> Payload<'a> {
    /// What lies in `bytes` from `from` to the end.
    ///
    /// # Panics
    /// `from` lies behind the end.
    pub fn new(bytes: &'a mut BytesMut, from: usize) -> Self {
        assert!(from <= bytes.len(), "a payload begins at {from} of {} bytes", bytes.len());
        Self { bytes, from }
    }

    /// Cuts it to so many bytes; a shorter one stays as it is.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(self.from.saturating_add(length));
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Puts other bytes in the place of all of it.
    pub fn replace(&mut self, bytes: &[u8]) {
        self.truncate(0);
        self.extend_from_slice(bytes);
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

impl DerefMut for Payload<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.from..]
    }
}

impl fmt::Debug for Payload<'_> {
    /// Its length; what it holds may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

/// Why a payload cannot be sent or taken. The connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessorError {
    code: Code,
    message: Cow<'static, str>,
}

impl ProcessorError {
    /// A code and a sentence, both for the peer to read; nothing internal belongs in them.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// The code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn into_parts(self) -> (Code, Cow<'static, str>) {
        (self.code, self.message)
    }
}

impl fmt::Display for ProcessorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ProcessorError {}

impl From<ProcessorError> for Error {
    fn from(error: ProcessorError) -> Self {
        Error::Protocol(error.to_string())
    }
}

#[cfg(feature = "zstd")]
impl From<crate::wire::DecompressError> for ProcessorError {
    fn from(error: crate::wire::DecompressError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(feature = "sealed")]
impl From<crate::security::SealError> for ProcessorError {
    fn from(error: crate::security::SealError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_before_a_payload_is_out_of_reach() {
        let mut bytes = BytesMut::from(&b"headpayload"[..]);
        let mut payload = Payload::new(&mut bytes, 4);
        assert_eq!((&payload[..], format!("{payload:?}")), (&b"payload"[..], "Payload(7 bytes)".into()));
        payload.truncate(usize::MAX);
        payload.truncate(3);
        payload[0] = b'b';
        payload.extend_from_slice(b"oo");
        assert_eq!(&payload[..], b"bayoo");
        payload.replace(b"x");
        assert_eq!(bytes, &b"headx"[..]);
    }
}
