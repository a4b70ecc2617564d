//! The written form of LNbits.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use l402_host::named_path;
use url::Url;

use super::address::{base_url, host_url, parameters, write_base, write_path};
use super::error::NodeError;
use super::table::NodeForm;

/// LNbits over HTTP: `lnbits+https://HOST?key=FILE`, or `lnbits+http://…` on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LnbitsNode {
    /// The address, without parameters.
    pub url: Url,
    /// The file with the key.
    pub key: PathBuf,
}

impl LnbitsNode {
    /// Takes the path of the file from `base`.
    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.key = named_path(base, self.key);
        self
    }
}

impl FromStr for LnbitsNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let form = &NodeForm::LNBITS;
        let url = host_url(text, form)?;
        let [file] = parameters(&url, form, ["key"])?;
        let file = file.ok_or_else(|| NodeError::of(form, "the key of LNbits is missing"))?;
        let base = base_url(&url, form)?;
        Ok(Self {
            url: base,
            key: file.into(),
        })
    }
}

impl fmt::Display for LnbitsNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base(f, "lnbits", &self.url)?;
        f.write_str("?key=")?;
        write_path(f, &self.key)
    }
}
