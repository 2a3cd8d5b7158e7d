//! Layer `client`.
