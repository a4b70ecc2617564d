//! The written forms of Core Lightning.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use l402_host::named_path;
use url::Url;

use super::address::{base_url, host_url, parameters, write_base, write_path};
use super::error::NodeError;
use super::table::NodeForm;

/// Core Lightning over its Unix socket: `cln:///PATH/lightning-rpc`. Who can open the socket can do
/// everything, so it always counts as a credential that spends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClnNode {
    /// The socket, named `lightning-rpc` by Core Lightning.
    pub socket: PathBuf,
}

impl FromStr for ClnNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |mistake| NodeError::of(&NodeForm::CLN, mistake);
        let path = text.strip_prefix("cln://").unwrap_or_default();
        // The path is written as in a URL, but `Url` would fold `..` and read a host.
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(wrong(
                "the socket of Core Lightning is an absolute path after cln://",
            ));
        }
        let query = path.replace('+', "%2B").replace('&', "%26");
        let decoded = url::form_urlencoded::parse(format!("p={query}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned());
        match decoded {
            Some(path) if path.len() > 1 => Ok(Self {
                socket: path.into(),
            }),
            _ => Err(wrong("the path of Core Lightning's socket is missing")),
        }
    }
}

impl fmt::Display for ClnNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cln://")?;
        write_path(f, &self.socket)
    }
}

/// Core Lightning over clnrest: `cln+https://HOST:PORT?rune=FILE&ca=FILE`. The port is 3010 unless
/// it is written; without `ca` the certificate must be one that browsers trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClnRestNode {
    /// The address of clnrest, without parameters.
    pub url: Url,
    /// The file with the rune.
    pub rune: PathBuf,
    /// The PEM file with the authority that signed the certificate; `None` for a public one.
    pub ca: Option<PathBuf>,
}

impl ClnRestNode {
    /// Takes the paths of both files from `base`.
    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.rune = named_path(base, self.rune);
        self.ca = self.ca.map(|ca| named_path(base, ca));
        self
    }
}

impl FromStr for ClnRestNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let form = &NodeForm::CLN_REST;
        let url = host_url(text, form)?;
        let [rune, ca] = parameters(&url, form, ["rune", "ca"])?;
        let rune = rune.ok_or_else(|| NodeError::of(form, "the rune of clnrest is missing"))?;
        let mut base = base_url(&url, form)?;
        if base.port().is_none() {
            // Cannot fail for a URL with a host.
            let _ = base.set_port(Some(3010));
        }
        Ok(Self {
            url: base,
            rune: rune.into(),
            ca: ca.map(PathBuf::from),
        })
    }
}

impl fmt::Display for ClnRestNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base(f, "cln", &self.url)?;
        f.write_str("?rune=")?;
        write_path(f, &self.rune)?;
        let Some(ca) = &self.ca else { return Ok(()) };
        f.write_str("&ca=")?;
        write_path(f, ca)
    }
}
