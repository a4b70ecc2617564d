//! The error of a gateway that cannot do what its configuration asks.

use core::fmt;

/// The reason why a gateway does not start or reload. Names the address, file or key, and the fix.
#[derive(Debug)]
pub struct GatewayError(String);

impl GatewayError {
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
