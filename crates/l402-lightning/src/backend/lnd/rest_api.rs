//! The REST interface of one lnd over HTTPS: limits, error texts, and the meaning of a refusal.

use core::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Proxy, StatusCode};
use rustls::ClientConfig;
use serde_json::Value;
use zeroize::Zeroizing;

use super::wire::{Status, StreamItem, garbled};
use crate::transport::{self, Peer, Proof, Transport};
use crate::{Error, ErrorKind, LndNode};

/// The header in which lnd takes its macaroon, in hexadecimal.
const MACAROON: HeaderName = HeaderName::from_static("grpc-metadata-macaroon");

/// The time limit for connecting: the only one that a payment and a stream have here.
const CONNECT: Duration = Duration::from_secs(2);

/// The time limit for connecting, and for a call, through a proxy: Tor first builds a way.
const BEHIND_PROXY: Duration = Duration::from_secs(30);

/// The REST interface of one lnd. `Debug` does not show the macaroon.
pub(super) type Rest = Transport<Lnd>;

/// A streamed answer of lnd.
pub(super) type Lines = transport::Lines<Lnd>;

/// Opens the interface. Sends nothing yet.
pub(super) fn connect(node: &LndNode, tls: ClientConfig, macaroon: &[u8]) -> Result<Rest, Error> {
    let local = |text: &str| Error::new(ErrorKind::Local, text);
    let hex = Zeroizing::new(hex::encode(macaroon));
    let mut value = HeaderValue::from_str(&hex).map_err(|_| local("unusable macaroon"))?;
    // Keeps the macaroon out of the `Debug` of every request.
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(MACAROON, value)]);
    let limit = node.proxy.as_ref().map_or(CONNECT, |_| BEHIND_PROXY);
    let client = transport::client(limit)
        .use_preconfigured_tls(tls)
        .default_headers(headers)
        .https_only(true)
        .http1_only()
        .tcp_keepalive(Duration::from_secs(30));
    let unusable = |error: reqwest::Error| local(&format!("cannot set up HTTPS: {error}"));
    let client = match &node.proxy {
        Some(proxy) => client.proxy(Proxy::all(proxy.as_str()).map_err(unusable)?),
        None => client,
    };
    let client = client.build().map_err(unusable)?;
    let lnd = Lnd {
        address: node.address.clone(),
        is_pinned: node.tls_cert.is_some(),
        is_proxied: node.proxy.is_some(),
    };
    let base = format!("https://{}", node.address);
    Ok(Transport::new(client, base, lnd))
}

/// The lnd at the other end.
#[derive(Clone)]
pub(super) struct Lnd {
    /// The address, as `host:port`.
    pub(super) address: String,
    /// True if its certificate is in a file, and no public one.
    is_pinned: bool,
    /// True if a proxy stands before it.
    is_proxied: bool,
}

impl Peer for Lnd {
    /// The time limit of a call for which a buyer or a seller waits.
    const TIME_LIMIT: Duration = Duration::from_secs(2);

    /// A page of invoices is the longest.
    const MAX_ANSWER: usize = 8 * 1024 * 1024;

    fn time_limit(&self) -> Duration {
        if self.is_proxied {
            BEHIND_PROXY
        } else {
            Self::TIME_LIMIT
        }
    }

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        let told = transport::unanswered("lnd", &self.address, error);
        // Said by rustls of every certificate that it refuses.
        if self.is_pinned || !transport::root_cause(error).contains("certificate") {
            return told;
        }
        let hint = "if it made its certificate itself, name that with &tls_cert=FILE";
        Error::new(told.kind(), format!("{told}; {hint}"))
    }

    fn cut_short(&self, error: &reqwest::Error) -> Error {
        self.unanswered(error)
    }

    fn too_long(&self) -> Error {
        garbled("over 8 MiB")
    }

    fn garbled(&self, answer: &'static str) -> Error {
        garbled(answer)
    }

    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error {
        refusal(status, &body.unwrap_or_default())
    }

    fn proof(&self, _: StatusCode, body: &[u8]) -> Proof {
        // Of the body alone: lnd puts its own code there, and a proxy before it has none.
        parse_status(body).map_or(Proof::None, |status| status.proof())
    }
}

/// Returns the meaning of an answer of lnd that is no success.
///
/// Errors without a gRPC code of their own, among them a refused macaroon, arrive with status 500,
/// so the text decides.
fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let message = message(body);
    let says = |words: &[&str]| {
        let message = message.as_deref().unwrap_or_default();
        words.iter().any(|word| message.contains(word))
    };
    // The credential comes first: a proxy before lnd answers 401 or 403, lnd itself 500 with these
    // words.
    let kind = if matches!(status.as_u16(), 401 | 403)
        || says(&["permission denied", "verification failed", "macaroon"])
    {
        ErrorKind::Unauthorized
    } else if matches!(status.as_u16(), 502..=504)
        // A failure that is not in lnd's form comes from something before lnd.
        || message.is_none() && status.is_server_error()
        || says(&[
            "wallet locked",
            "in the process of starting",
            "waiting to start",
        ])
    {
        ErrorKind::Unavailable
    } else {
        ErrorKind::Rejected
    };
    Error::new(
        kind,
        format!(
            "lnd said {}: {}",
            status.as_u16(),
            message.unwrap_or_default()
        ),
    )
}

/// Returns the message of a refusal, shortened and without control characters. gRPC's gateway puts
/// it at the top of the body, or under `error` in a streamed answer.
fn message(body: &[u8]) -> Option<String> {
    Some(transport::plain(&parse_status(body)?.message))
}

fn parse_status(body: &[u8]) -> Option<Status> {
    let streamed = serde_json::from_slice::<StreamItem<Value>>(body);
    let status = streamed.ok().and_then(|item| item.error);
    status.or_else(|| serde_json::from_slice(body).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted_by_whose_fault_they_are() {
        let kind = |status: u16, body: &str| {
            refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes()).kind()
        };
        let denied = r#"{"code":2,"message":"permission denied","details":[]}"#;
        assert_eq!(kind(500, denied), ErrorKind::Unauthorized);
        assert_eq!(kind(401, "{}"), ErrorKind::Unauthorized);
        let locked = r#"{"code":2,"message":"wallet locked, unlock it to enable full RPC access"}"#;
        assert_eq!(kind(500, locked), ErrorKind::Unavailable);
        assert_eq!(kind(502, "<html>"), ErrorKind::Unavailable);
        assert_eq!(kind(500, "<html>"), ErrorKind::Unavailable);
        let paid = r#"{"error":{"code":6,"message":"invoice is already paid","details":[]}}"#;
        assert_eq!(kind(409, paid), ErrorKind::Rejected);
    }

    #[test]
    fn only_the_nodes_own_words_prove_anything() {
        let proof = |body: &str| parse_status(body.as_bytes()).map_or(Proof::None, |it| it.proof());
        let streamed =
            |code: u32| proof(&format!(r#"{{"error":{{"code":{code},"message":"x"}}}}"#));
        let plain = |code: u32| proof(&format!(r#"{{"code":{code},"message":"x","details":[]}}"#));
        for (code, expected) in [
            (2, Proof::NotBegun),
            (3, Proof::NotBegun),
            (5, Proof::NotFound),
            (4, Proof::None),
            (6, Proof::None),
            (13, Proof::None),
            (14, Proof::None),
            (99, Proof::None),
        ] {
            assert_eq!(
                (streamed(code), plain(code)),
                (expected, expected),
                "{code}"
            );
        }
        for body in [
            "<html>404</html>",
            "{}",
            r#"{"message":"no code"}"#,
            "null",
            "",
        ] {
            assert_eq!(proof(body), Proof::None, "{body}");
        }
    }

    #[test]
    fn words_of_the_node_are_bounded_and_plain() {
        let long = format!(r#"{{"message":"a\u001b[31m{}"}}"#, "b".repeat(1000));
        let text = refusal(StatusCode::BAD_REQUEST, long.as_bytes()).to_string();
        assert!(text.len() < 250 && !text.contains('\u{1b}'), "{text}");
    }
}
