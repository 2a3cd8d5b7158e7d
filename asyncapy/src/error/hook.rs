use std::fmt;
use std::panic::Location;

/// A function around a server's life that failed: which, where it was given to the builder, and why.
///
/// It stands in [`Error::Hook`](super::Error::Hook) where it stopped the start, and in the server's `Report` where it was
/// to run at the stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFailure {
    hook: &'static str,
    at: &'static Location<'static>,
    why: String,
}

impl HookFailure {
    pub(crate) fn new(hook: &'static str, at: &'static Location<'static>, why: String) -> Self {
        Self { hook, at, why }
    }

    /// The builder's method that took the function, such as `before_start`.
    pub fn hook(&self) -> &'static str {
        self.hook
    }

    /// Where that method was called.
    pub fn location(&self) -> &'static Location<'static> {
        self.at
    }

    /// What went wrong: the function's own error, a panic, or that it took too long.
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// `the before_start hook at src/main.rs:12:10 failed: no database`
impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} hook at {} failed: {}", self.hook, self.at, self.why)
    }
}

impl std::error::Error for HookFailure {}
