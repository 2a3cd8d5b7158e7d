use super::Encoding;

/// Bytes that an index has checked, or part of them. JSON is text as a whole and kept as such, so that its strings are
/// cut out of it and need not be checked one by one, which costs more than copying them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Json(&'a str),
    ZiProto(&'a [u8]),
}

impl<'a> Source<'a> {
    /// Bytes that are no text are no JSON: nothing is kept of them.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Source::Json(std::str::from_utf8(bytes).unwrap_or_default()),
            Encoding::ZiProto => Source::ZiProto(bytes),
        }
    }

    #[inline]
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Source::Json(text) => text.as_bytes(),
            Source::ZiProto(bytes) => bytes,
        }
    }

    #[inline]
    pub(super) fn encoding(self) -> Encoding {
        match self {
            Source::Json(_) => Encoding::Json,
            Source::ZiProto(_) => Encoding::ZiProto,
        }
    }

    /// The part from `start` to `end`. Panics where the source has no such part.
    #[inline]
    pub(super) fn part(self, start: usize, end: usize) -> Self {
        match self {
            Source::Json(text) => Source::Json(&text[start..end]),
            Source::ZiProto(bytes) => Source::ZiProto(&bytes[start..end]),
        }
    }
}
