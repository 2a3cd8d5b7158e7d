//! Layer `security`.
