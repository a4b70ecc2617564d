//! The written form of phoenixd.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use l402_host::named_path;
use url::Url;

use super::address::{base_url, host_url, parameters, write_base, write_path};
use super::error::NodeError;
use super::table::NodeForm;

/// phoenixd over HTTP: `phoenixd+http://HOST:PORT?password=FILE`, or `phoenixd+https://…`. The port of
/// `http` is 9740 unless it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoenixdNode {
    /// The address, without parameters.
    pub url: Url,
    /// The file with the password.
    pub password: PathBuf,
}

impl PhoenixdNode {
    /// Takes the path of the file from `base`.
    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.password = named_path(base, self.password);
        self
    }
}

impl FromStr for PhoenixdNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let form = &NodeForm::PHOENIXD;
        let url = host_url(text, form)?;
        let [file] = parameters(&url, form, ["password"])?;
        let file =
            file.ok_or_else(|| NodeError::of(form, "the password of phoenixd is missing"))?;
        let mut base = base_url(&url, form)?;
        if base.port().is_none() && base.scheme() == "http" {
            // Cannot fail for a URL with a host.
            let _ = base.set_port(Some(9740));
        }
        Ok(Self {
            url: base,
            password: file.into(),
        })
    }
}

impl fmt::Display for PhoenixdNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base(f, "phoenixd", &self.url)?;
        f.write_str("?password=")?;
        write_path(f, &self.password)
    }
}
