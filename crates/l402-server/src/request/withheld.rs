//! The request headers that never reach the service behind the paywall, for proxies and for
//! the tower layer.

use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use l402::{Credential, HOP_BY_HOP};

use super::{CanonicalRequest, PassCookies};

/// The reason why a header of a request does not pass to the service behind the paywall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Withheld {
    /// Holds an L402 credential, or text that is meant to be one.
    Credential,
    /// Says who the client is and how it came here (`x-forwarded-for`, `remote-user`): the families
    /// *host*, *peer*, *identity* and *proxy* of `docs/headers.md`.
    /// A proxy that faces its clients withholds these headers and writes its own. The tower layer
    /// passes them: a trusted proxy before the program may have set them.
    Forwarding,
    /// A name that only the paywall sets: `x-l402`, `x-l402-…`, also spelt with underscores, and
    /// `l402-…`, as in what a proxy tells its upstream of the payment (`l402-payment-hash`).
    Own,
    /// Asks for another method or path than the one that was priced (the family *path* of
    /// `docs/headers.md`).
    Override,
    /// A name of this list, or one of the message's framing, spelt with underscores. A service that
    /// reads CGI variables cannot tell `_` from `-`.
    Twin,
}

impl Withheld {
    /// Returns the reason to withhold a header, or `None` if the header may pass. `name` is in
    /// lower case. An `authorization` of another scheme belongs to the service, and passes.
    ///
    /// ```
    /// use l402_server::Withheld;
    ///
    /// let mixed = Withheld::of("authorization", b"Bearer x, L402 token:preimage");
    /// assert_eq!(mixed, Some(Withheld::Credential));
    /// assert_eq!(Withheld::of("authorization", b"Bearer x"), None);
    /// assert_eq!(Withheld::of("x_http_method_override", b"DELETE"), Some(Withheld::Twin));
    /// ```
    #[must_use]
    pub fn of(name: &str, value: &[u8]) -> Option<Self> {
        match name {
            "authorization" => names_scheme(value).then_some(Self::Credential),
            "l402-credential" | "macaroon" | "grpc-metadata-macaroon" => Some(Self::Credential),
            _ if name.starts_with("l402-") => Some(Self::Own),
            _ if is_own(name) => Some(Self::Own),
            _ => listed(name).or_else(|| is_twin(name).then_some(Self::Twin)),
        }
    }
}

impl CanonicalRequest {
    /// Removes the headers that must not reach the service: all that are [`Withheld`], except
    /// [`Withheld::Forwarding`]. If one line of `authorization` holds an L402 credential, all lines
    /// of that name are removed.
    pub fn strip(headers: &mut HeaderMap) {
        // Removed by name, all lines at once: a service may read the first line or the last.
        let is_withheld = |(name, value): &(&HeaderName, &HeaderValue)| {
            let withheld = Withheld::of(name.as_str(), value.as_bytes());
            withheld.is_some_and(|reason| reason != Withheld::Forwarding)
        };
        let withheld: Vec<HeaderName> = headers
            .iter()
            .filter(is_withheld)
            .map(|(name, _)| name.clone())
            .collect();
        for name in withheld {
            headers.remove(name);
        }
        strip_passes(headers);
    }
}

/// Removes the passes from the cookies.
fn strip_passes(headers: &mut HeaderMap) {
    let lines = headers.get_all(COOKIE);
    if lines
        .iter()
        .all(|line| PassCookies::taken_off(line).is_none())
    {
        return;
    }
    let left =
        |line: &HeaderValue| PassCookies::taken_off(line).unwrap_or_else(|| Some(line.clone()));
    let left: Vec<HeaderValue> = lines.iter().filter_map(left).collect();
    headers.remove(COOKIE);
    for line in left {
        headers.append(COOKIE, line);
    }
}

/// A claim of a client that only a proxy before the service may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// The host, port and scheme that the client asked for.
    Host,
    /// The user, and the certificate, that a proxy has checked.
    Identity,
    /// Another path or method than the one that was priced.
    Path,
    /// The address of the client.
    Peer,
    /// Orders and credentials for a proxy itself.
    Proxy,
}

/// Headers in which a client could claim what only a proxy before the service may say, sorted. A
/// name that ends with a dash stands for all names that begin with it. `docs/headers.md` is the same
/// list for people.
const WITHHELD: &[(&str, Family)] = {
    use Family::{Host, Identity, Path, Peer, Proxy};
    &[
        ("ali-cdn-real-ip", Peer),
        ("cdn-src-ip", Peer),
        ("cf-access-", Identity),
        ("cf-connecting-", Peer),
        ("cf-ipcountry", Peer),
        ("cf-pseudo-ipv4", Peer),
        ("cf-visitor", Host),
        ("client-ip", Peer),
        ("cloudfront-viewer-", Peer),
        ("disguised-host", Host),
        ("fastly-client-ip", Peer),
        ("fly-client-ip", Peer),
        ("forwarded", Peer),
        ("front-end-https", Host),
        ("incap-client-ip", Peer),
        ("oidc-claim-", Identity),
        ("proxy", Proxy),
        ("proxy-authorization", Proxy),
        ("proxy-client-ip", Peer),
        ("proxy-host", Host),
        ("remote-addr", Peer),
        ("remote-email", Identity),
        ("remote-group", Identity),
        ("remote-groups", Identity),
        ("remote-ip", Peer),
        ("remote-name", Identity),
        ("remote-user", Identity),
        ("request-uri", Path),
        ("script-name", Path),
        ("ssl-client-", Identity),
        ("tailscale-user-", Identity),
        ("true-client-ip", Peer),
        ("wl-proxy-", Peer),
        ("x-amzn-mtls-", Identity),
        ("x-amzn-oidc-", Identity),
        ("x-anonymous-consumer", Identity),
        ("x-apigateway-api-userinfo", Identity),
        ("x-appengine-user-ip", Peer),
        ("x-arr-clientcert", Identity),
        ("x-arr-ssl", Host),
        ("x-auth-request-", Identity),
        ("x-authenticated-", Identity),
        ("x-authentik-", Identity),
        ("x-azure-clientip", Peer),
        ("x-azure-socketip", Peer),
        ("x-backend-host", Host),
        ("x-cdn-src-ip", Peer),
        ("x-client-cert", Identity),
        ("x-client-certificate", Identity),
        ("x-client-dn", Identity),
        ("x-client-ip", Peer),
        ("x-client-verify", Identity),
        ("x-cluster-client-ip", Peer),
        ("x-consumer-", Identity),
        ("x-credential-identifier", Identity),
        ("x-endpoint-api-userinfo", Identity),
        ("x-envoy-decorator-operation", Proxy),
        ("x-envoy-external-address", Peer),
        ("x-envoy-internal", Proxy),
        ("x-envoy-original-host", Host),
        ("x-envoy-original-path", Path),
        ("x-envoy-retry-", Proxy),
        ("x-envoy-upstream-", Proxy),
        ("x-forwarded-", Host),
        ("x-goog-authenticated-user-", Identity),
        ("x-goog-iap-jwt-assertion", Identity),
        ("x-host", Host),
        ("x-host-override", Host),
        ("x-http-destinationurl", Path),
        ("x-http-host-override", Host),
        ("x-http-method", Path),
        ("x-http-method-override", Path),
        ("x-http-path-override", Path),
        ("x-jwt-assertion", Identity),
        ("x-method-override", Path),
        ("x-ms-client-principal", Identity),
        ("x-ms-client-principal-", Identity),
        ("x-nf-client-connection-ip", Peer),
        ("x-original-forwarded-for", Peer),
        ("x-original-host", Host),
        ("x-original-method", Path),
        ("x-original-path", Path),
        ("x-original-remote-addr", Peer),
        ("x-original-uri", Path),
        ("x-original-url", Path),
        ("x-originating-ip", Peer),
        ("x-override-url", Path),
        ("x-pomerium-", Identity),
        ("x-proxy-authorization", Proxy),
        ("x-proxy-host", Host),
        ("x-proxy-url", Path),
        ("x-proxyuser-ip", Peer),
        ("x-real-ip", Peer),
        ("x-real-port", Peer),
        ("x-remote-addr", Peer),
        ("x-remote-extra-", Identity),
        ("x-remote-group", Identity),
        ("x-remote-groups", Identity),
        ("x-remote-ip", Peer),
        ("x-remote-user", Identity),
        ("x-request-uri", Path),
        ("x-rewrite-path", Path),
        ("x-rewrite-uri", Path),
        ("x-rewrite-url", Path),
        ("x-scheme", Host),
        ("x-script-name", Path),
        ("x-ssl-", Identity),
        ("x-sucuri-clientip", Peer),
        ("x-url-scheme", Host),
        ("x-vercel-forwarded-for", Peer),
        ("x-vercel-ip-", Peer),
        ("x-vouch-", Identity),
        ("x-waws-unencoded-url", Path),
        ("x-webauth-", Identity),
    ]
};

/// Looks a name up in [`WITHHELD`].
fn listed(name: &str) -> Option<Withheld> {
    // Nearly every header of an ordinary request is told apart by its first two letters.
    let may_be = matches!(
        name.as_bytes(),
        [b'x', b'-', ..]
            | [b'a', b'l', ..]
            | [b'c', b'd' | b'f' | b'l', ..]
            | [b'd', b'i', ..]
            | [b'f', b'a' | b'l' | b'o' | b'r', ..]
            | [b'i', b'n', ..]
            | [b'o', b'i', ..]
            | [b'p' | b'r', b'r' | b'e', ..]
            | [b's', b'c' | b's', ..]
            | [b't', b'a' | b'r', ..]
            | [b'w', b'l', ..]
    );
    if !may_be {
        return None;
    }
    // The last entry that does not come after the name: itself, or the beginning of it.
    let after = WITHHELD.partition_point(|(listed, _)| *listed <= name);
    let (listed, family) = WITHHELD.get(after.checked_sub(1)?)?;
    let is_it = *listed == name || (listed.ends_with('-') && name.starts_with(listed));
    is_it.then_some(match family {
        Family::Path => Withheld::Override,
        Family::Host | Family::Identity | Family::Peer | Family::Proxy => Withheld::Forwarding,
    })
}

/// Returns true if only the paywall sets headers of this name: `x-l402` and `x-l402-…`, with dashes
/// or underscores, which a service that reads CGI variables cannot tell apart.
pub(crate) fn is_own(name: &str) -> bool {
    // Compared byte by byte, without a copy of the name: this runs for each header of each request.
    let dash = |byte: u8| matches!(byte, b'-' | b'_');
    match name.as_bytes() {
        [b'x', first, b'l', b'4', b'0', b'2', rest @ ..] => {
            dash(*first) && rest.first().is_none_or(|next| dash(*next))
        }
        _ => false,
    }
}

/// Returns true if the name is a withheld one, or one of the framing, in another spelling.
fn is_twin(name: &str) -> bool {
    name.contains('_') && {
        let dashed = name.replace('_', "-");
        let framing = HOP_BY_HOP.contains(&dashed.as_str()) || dashed == "content-length";
        framing || Withheld::of(&dashed, b"").is_some()
    }
}

/// Returns true if any credential in a list names the scheme L402 or LSAT.
fn names_scheme(value: &[u8]) -> bool {
    // The usual case first. The list is read for `Bearer x, L402 token:preimage`.
    Credential::is_l402(value) || value.split(|byte| *byte == b',').any(Credential::is_l402)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_our_schemes_in_any_spelling_and_leaves_others_alone() {
        let ours = [
            "L402 a:b",
            "l402\ta:b",
            "LSAT a:b",
            "lsat",
            "L402:a:b",
            "Bearer x,lsat=a:b",
            "Bearer x, L402 a:b",
            " L402  a:b",
        ];
        for value in ours {
            assert!(names_scheme(value.as_bytes()), "{value:?}");
        }
        for value in [
            "Bearer L402",
            "Basic bDQwMg==",
            "xL402 a:b",
            "L402x a:b",
            "",
        ] {
            assert!(!names_scheme(value.as_bytes()), "{value:?}");
        }
    }

    #[test]
    fn every_header_that_can_hold_a_credential_is_withheld() {
        for name in Credential::HEADERS {
            let withheld = Withheld::of(name, b"L402 a:b");
            assert_eq!(withheld, Some(Withheld::Credential), "{name}");
        }
    }

    /// ATTACKS H-12, H-27.
    #[test]
    fn a_name_with_underscores_is_judged_as_one_with_dashes() {
        for name in [
            "l402_credential",
            "l402_payment_hash",
            "l402_service",
            "l402_uses-left",
            "grpc_metadata-macaroon",
            "x_http_method_override",
            "x_original_url",
            "x_forwarded_for",
            "x_real_ip",
            "proxy_authorization",
            "transfer_encoding",
            "content_length",
            "keep_alive",
        ] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Twin), "{name}");
        }
        for name in ["x_l402_paid", "x-l402_paid", "x_l402-", "x-l402-paid"] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Own), "{name}");
        }
        for name in ["l402-payment-hash", "l402-service", "l402-uses-left"] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Own), "{name}");
        }
        for name in ["x_plain", "user_agent", "content_type", "accept", "x-l4022"] {
            assert_eq!(Withheld::of(name, b"1"), None, "{name}");
        }
    }

    /// FAULTS S16: each family, dashes or underscores, and prefixes. ATTACKS H-27.
    #[test]
    fn every_listed_header_is_withheld_and_ordinary_ones_are_not() {
        assert!(
            WITHHELD.is_sorted_by_key(|(name, _)| name),
            "the list is searched by halves"
        );
        for (name, family) in WITHHELD {
            let name = match name.strip_suffix('-') {
                Some(_) => format!("{name}any"),
                None => (*name).to_owned(),
            };
            let expected = match family {
                Family::Path => Withheld::Override,
                _ => Withheld::Forwarding,
            };
            assert_eq!(Withheld::of(&name, b"1"), Some(expected), "{name}");
            let twin = name.replace('-', "_");
            if twin != name {
                assert_eq!(Withheld::of(&twin, b"1"), Some(Withheld::Twin), "{twin}");
            }
        }
        for name in [
            "x-l402",
            "x_l402",
            "l402-use",
            "l402-payment_hash",
            "x-l402-any",
        ] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Own), "{name}");
        }
        for name in [
            "accept",
            "client-version",
            "cookie",
            "forward",
            "from",
            "pragma",
            "priority",
            "proxy-status",
            "referer",
            "x-api-key",
            "x-client-info",
            "x-csrf-token",
            "x-ms-client-request-id",
            "x-request-id",
            "x-requested-with",
            "x-user-id",
        ] {
            assert_eq!(Withheld::of(name, b"1"), None, "{name}");
        }
    }

    /// FAULTS S16: the list for people is the list that is followed.
    #[test]
    fn the_documented_list_is_the_one_in_the_code() {
        let page = include_str!("../../../../docs/headers.md");
        let mut documented: Vec<(String, String)> = Vec::new();
        let mut family = String::new();
        for line in page.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                family = title.to_lowercase();
            } else if let Some(names) = line.strip_prefix("    ") {
                let names = names.split_whitespace();
                documented.extend(names.map(|name| (name.to_owned(), family.clone())));
            }
        }
        let mut listed: Vec<_> = WITHHELD
            .iter()
            .map(|(name, family)| {
                let star = if name.ends_with('-') { "*" } else { "" };
                (
                    format!("{name}{star}"),
                    format!("{family:?}").to_lowercase(),
                )
            })
            .collect();
        documented.sort();
        listed.sort();
        assert_eq!(documented, listed);
    }

    #[test]
    fn what_a_proxy_before_the_program_says_of_the_client_stays() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "connection"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        let before = headers.clone();
        headers.insert("x_forwarded_for", HeaderValue::from_static("spoofed"));
        CanonicalRequest::strip(&mut headers);
        assert_eq!(headers, before);
    }
}
