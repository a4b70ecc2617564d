//! The name of a listing.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::CanonicalUrl;

/// The name of a listing in addresses: the first 16 hex digits of the SHA-256 of its canonical URL, so
/// that the same service has the same name in every registry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListingId([u8; 8]);

/// The text is not 16 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingIdError;

impl fmt::Display for ListingIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a listing is 16 hex digits")
    }
}

impl std::error::Error for ListingIdError {}

impl ListingId {
    /// Returns the name of the listing with this address.
    #[must_use]
    pub fn of(url: &CanonicalUrl) -> Self {
        let digest: [u8; 32] = Sha256::digest(url.as_str()).into();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }

    /// Returns the name with these bytes.
    pub(crate) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl FromStr for ListingId {
    type Err = ListingIdError;

    fn from_str(text: &str) -> Result<Self, ListingIdError> {
        let mut id = [0; 8];
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        hex::decode_to_slice(text, &mut id).map_err(|_| ListingIdError)?;
        is_lower.then_some(Self(id)).ok_or(ListingIdError)
    }
}

impl fmt::Display for ListingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ListingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
