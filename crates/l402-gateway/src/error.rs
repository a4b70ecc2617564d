//! The error of a gateway that does not start or reload.

use core::fmt;

/// The reason why a gateway does not start or reload. The text names the address, file or key, and
/// the fix.
#[derive(Debug)]
pub struct GatewayError(String);

impl GatewayError {
    /// Returns an error with this text, a lower-case fragment without a full stop.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GatewayError {}
