//! Origins that a credential may travel to.

use url::Url;

/// Returns true if a credential may travel to this URL: over TLS, inside this machine, or inside
/// Tor's own encryption.
pub(crate) fn is_private(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(url::Host::Domain(name)) => {
                // RFC 6761 (`localhost`) and RFC 7686 (`onion`) reserve the last label. A prefix would not
                // do: anybody can register `127.0.0.1.example`.
                name == "localhost" || name.ends_with(".localhost") || name.ends_with(".onion")
            }
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_travel_in_private_only() {
        for (url, private) in [
            ("https://a.example/", true),
            ("http://127.0.0.1:8402/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://abc.onion/", true),
            ("http://a.example/", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1.example/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_private(&url.parse().unwrap()), private, "{url}");
        }
    }
}
