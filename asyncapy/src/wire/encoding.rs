/// How a payload is written: the Content-Encoding byte of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// JSON, byte 0.
    Json = 0,
    /// ZiProto, byte 1: MessagePack less its ext types.
    ZiProto = 1,
}
