//! Why a run ends early.

use core::fmt;

/// What went wrong, in a sentence's fragment: nobody but a person reads it.
#[derive(Debug)]
pub(crate) struct BenchError(String);

/// What most of this program returns.
pub(crate) type Result<T, E = BenchError> = core::result::Result<T, E>;

impl BenchError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for BenchError {}

/// Says what was being done when somebody else's error came.
pub(crate) trait While<T> {
    /// Puts `doing` before the error's own text.
    fn while_doing(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> While<T> for core::result::Result<T, E> {
    fn while_doing(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| BenchError(format!("{doing}: {error}")))
    }
}
