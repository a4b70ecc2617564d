//! The hosts that an agent or a mandate names.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A host that may be paid, in the list of an agent or of a mandate.
///
/// - `api.example` is this host, at every port;
/// - `*.example` is every host below `example`, and not `example` itself;
/// - `api.example:8443` is this host at this port alone.
///
/// Names are compared as a URL has them, in lower case and in ASCII. Addresses are written as in a URL:
/// `192.0.2.1`, `[2001:db8::1]`.
///
/// ```
/// use l402_client::HostRule;
///
/// let rule: HostRule = "*.example".parse()?;
/// assert!(rule.covers(&"https://api.example/joke".parse().expect("a url")));
/// assert!(!rule.covers(&"https://example/joke".parse().expect("a url")));
/// # Ok::<(), l402_client::HostRuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// The host in the form of a URL, without `*.`.
    host: String,
    below: bool,
    port: Option<u16>,
}

/// The error of a text that names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRuleError;

impl HostRule {
    /// Returns true if a URL is at this host. A URL without a host is at none.
    #[must_use]
    pub fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_host = if self.below {
            host.strip_suffix(&self.host)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        };
        is_host
            && self
                .port
                .is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<Self, HostRuleError> {
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, port) = match rest.rsplit_once(':') {
            // The colons of an address stand within its brackets.
            Some((name, port)) if !port.ends_with(']') => {
                let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port| is_number && *port != 0);
                (name, Some(port.ok_or(HostRuleError)?))
            }
            _ => (rest, None),
        };
        let host = Host::parse(name).map_err(|_| HostRuleError)?;
        let is_name = matches!(host, Host::Domain(_));
        let host = host.to_string();
        // A star anywhere else would look as if it meant something.
        if host.contains('*') || host.ends_with('.') || (below && !is_name) {
            return Err(HostRuleError);
        }
        Ok(Self { host, below, port })
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for HostRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no host; write a name such as api.example, *.example for all below it, or \
             api.example:8443 for one port",
        )
    }
}

impl std::error::Error for HostRuleError {}

/// Returns true if one of the rules covers a URL. A rule that cannot be read covers nothing.
pub(super) fn covered(rules: &[String], url: &Url) -> bool {
    let mut rules = rules
        .iter()
        .filter_map(|rule| rule.parse::<HostRule>().ok());
    rules.any(|rule| rule.covers(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(rule: &str, url: &str) -> bool {
        rule.parse::<HostRule>()
            .unwrap()
            .covers(&url.parse().unwrap())
    }

    // A mandate for one host is none for another that looks like it.
    #[test]
    fn a_rule_covers_its_host_and_no_other() {
        for (rule, url) in [
            ("api.example", "https://api.example/"),
            ("API.example", "https://api.example:8443/"),
            ("api.example", "https://api.example./"),
            ("api.example:443", "https://api.example/"),
            ("*.example", "https://a.b.example/"),
            ("*.example:80", "http://a.example/"),
            ("127.0.0.1", "http://127.0.0.1:8402/"),
            ("[::1]:8402", "http://[::1]:8402/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
        ] {
            assert!(covers(rule, url), "{rule} {url}");
        }
        for (rule, url) in [
            ("api.example", "https://api.example.evil.test/"),
            ("api.example", "https://evil-api.example/"),
            ("api.example", "https://api.example@evil.test/"),
            ("api.example:443", "https://api.example:8443/"),
            ("*.example", "https://example/"),
            ("*.example", "https://evilexample/"),
            ("*.example", "https://a.example.evil.test/"),
            ("127.0.0.1", "http://127.0.0.2/"),
            ("api.example", "data:api.example"),
        ] {
            assert!(!covers(rule, url), "{rule} {url}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_and_what_is_one_reads_back() {
        for bad in [
            "",
            "*",
            "*.",
            "a b",
            "https://a.example",
            "a.example/x",
            "a.example:",
            "a.example:0",
            "a.example:99999",
            "a.example:+1",
            "*.127.0.0.1",
            "a.*.example",
            "a.example.",
            ":80",
            "::1",
        ] {
            assert_eq!(bad.parse::<HostRule>(), Err(HostRuleError), "{bad}");
        }
        for rule in ["a.example", "*.example:1", "[::1]:8402", "127.0.0.1"] {
            assert_eq!(rule.parse::<HostRule>().unwrap().to_string(), rule);
        }
    }
}
