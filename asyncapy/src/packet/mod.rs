//! Layer `packet`.
