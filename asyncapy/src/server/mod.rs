//! Layer `server`.
