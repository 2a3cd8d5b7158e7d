//! Layer `handler`.
