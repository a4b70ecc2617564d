//! The written form of a Lightning address.

use core::fmt;
use core::str::FromStr;

use super::error::NodeError;
use super::table::NodeForm;

/// A Lightning address, which only receives: `lnurl:you@host` (LUD-16). The host may have a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LnurlNode {
    user: String,
    host: String,
}

impl LnurlNode {
    /// Returns the part before the `@`: letters, digits and `- _ . +`, lower-case.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the part after the `@`: a host, with a port if one is written.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for LnurlNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |mistake| NodeError::of(&NodeForm::LNURL, mistake);
        let address = text.strip_prefix("lnurl:").unwrap_or_default();
        let (user, host) = address
            .split_once('@')
            .ok_or_else(|| wrong("a Lightning address is written you@host"))?;
        let user = user.to_ascii_lowercase();
        let is_user = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if user.is_empty() || !user.chars().all(is_user) {
            return Err(wrong(
                "before the @ of a Lightning address stand letters, digits and - _ . +",
            ));
        }
        // Read as a URL's host and nothing else, so that no path or user can hide in it.
        let url = url::Url::parse(&format!("https://{host}/")).ok();
        let url = url.filter(|url| {
            !host.contains(['/', '?', '#', '@', '\\', ':'])
                || host.rsplit_once(':').is_some_and(|(name, port)| {
                    !name.contains(['/', '?', '#', '@', '\\']) && port.parse::<u16>().is_ok()
                }) && url.host_str().is_some()
        });
        let host = url.and_then(|url| {
            let name = url.host_str()?.to_owned();
            Some(
                url.port()
                    .map_or(name.clone(), |port| format!("{name}:{port}")),
            )
        });
        let host = host.ok_or_else(|| wrong("after the @ of a Lightning address stands a host"))?;
        Ok(Self { user, host })
    }
}

impl fmt::Display for LnurlNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lnurl:{}@{}", self.user, self.host)
    }
}
