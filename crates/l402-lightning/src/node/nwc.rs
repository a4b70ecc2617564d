//! The written form of a wallet that speaks Nostr Wallet Connect.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use l402_host::named_path;

use super::address::write_path;
use super::error::NodeError;
use super::table::NodeForm;

/// A wallet that speaks Nostr Wallet Connect (NIP-47): `nwc:FILE`. The file holds the
/// `nostr+walletconnect://` URI, which is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NwcNode {
    /// The file with the URI.
    pub file: PathBuf,
}

impl NwcNode {
    /// Takes the path of the file from `base`.
    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.file = named_path(base, self.file);
        self
    }
}

impl FromStr for NwcNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |mistake| NodeError::of(&NodeForm::NWC, mistake);
        let file = text.strip_prefix("nwc:").unwrap_or_default();
        // Not repeated: with it anybody could spend.
        if text.contains("://") || file.contains("secret=") {
            return Err(wrong(
                "what is given is a connection, with which anybody can spend; save it to a file",
            ));
        }
        if file.contains(['?', '#', '&']) {
            return Err(wrong("after nwc: stands the path of a file alone"));
        }
        let query = file.replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(format!("p={query}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned());
        match decoded {
            Some(file) if !file.is_empty() => Ok(Self { file: file.into() }),
            _ => Err(wrong("the file with the connection is missing")),
        }
    }
}

impl fmt::Display for NwcNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nwc:")?;
        write_path(f, &self.file)
    }
}
