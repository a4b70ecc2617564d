//! The written form of the sandbox behind its HTTP API.

use core::fmt;
use core::str::FromStr;

use url::Url;

use super::address::{has_user, is_loopback};
use super::error::NodeError;
use super::table::NodeForm;

/// The sandbox of another home folder, reached through its HTTP API, which only pays:
/// `sandbox+http://HOST:PORT`. The host must be this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxHttpNode {
    url: Url,
}

impl SandboxHttpNode {
    /// Returns the address of the API: an `http` URL on loopback, without a path.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl FromStr for SandboxHttpNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |mistake| Err(NodeError::of(&NodeForm::SANDBOX_HTTP, mistake));
        let plain = text.strip_prefix("sandbox+").unwrap_or(text);
        let Ok(url) = plain.parse::<Url>() else {
            return wrong("the sandbox's address is not a URL");
        };
        // Checked before the scheme, because this mistake is the one that could pay a stranger's
        // server.
        if !is_loopback(&url) {
            return wrong("the sandbox is no money and is reached on this machine alone");
        }
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "http" || !bare || has_user(&url) {
            return wrong("the sandbox's address is a host and a port, nothing else");
        }
        Ok(Self { url })
    }
}

impl fmt::Display for SandboxHttpNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sandbox+{}", self.url.as_str().trim_end_matches('/'))
    }
}
