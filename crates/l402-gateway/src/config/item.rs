//! Items of lists in the configuration, each in the one spelling that requests are compared with.
//! What could never match is a mistake.

use core::fmt;
use core::str::FromStr;

use http::{HeaderName, Method};
use l402_server::{Withheld, canonical_host, canonical_origin};

/// A text that is refused, with the fix.
pub(super) struct ItemError(&'static str);

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A host name without port, in lower case.
pub(super) struct HostName(pub(super) String);

impl FromStr for HostName {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let host = canonical_host(text).map(Self);
        host.ok_or(ItemError(
            "not a host name; write it without scheme and port: \"api.example\"",
        ))
    }
}

/// The origin of a page, as browsers send it.
pub(super) struct Origin(pub(super) String);

impl FromStr for Origin {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let origin = canonical_origin(text).map(Self);
        origin.ok_or(ItemError(
            "not an origin; write scheme and host, and the port if it is not the scheme's own: \
             \"https://app.example\"",
        ))
    }
}

/// A method in upper case, as clients send it.
pub(super) struct MethodName(pub(super) Method);

impl FromStr for MethodName {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let method = text.to_ascii_uppercase().parse();
        let method = method.map_err(|_| ItemError("not a method; write \"GET\""))?;
        if matches!(method, Method::TRACE | Method::CONNECT) {
            return Err(ItemError("never forwarded by a gateway; leave it out"));
        }
        Ok(Self(method))
    }
}

/// A header that is withheld from upstreams unless a route lets it pass.
pub(super) struct PassedHeader(pub(super) HeaderName);

impl FromStr for PassedHeader {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let name: HeaderName = text
            .parse()
            .map_err(|_| ItemError("not the name of a header"))?;
        let ours = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
        match Withheld::of(name.as_str(), b"") {
            _ if ours.contains(&name.as_str()) => Err(ItemError(
                "the gateway writes this header itself; leave it out",
            )),
            Some(Withheld::Forwarding | Withheld::Override) => Ok(Self(name)),
            Some(_) => Err(ItemError("never passes to an upstream; leave it out")),
            None => Err(ItemError(
                "passes in any case, as it is not in the list of docs/headers.md; leave it out",
            )),
        }
    }
}
