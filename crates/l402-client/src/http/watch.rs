//! The heads of requests and answers, shown without what is secret in them.

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHORIZATION, SET_COOKIE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Body as _;
use l402::Credential;
use url::{Position, Url};

use super::head::Head;

/// A receiver of every head that a [`Client`](crate::Client) sends and gets, for people who look for
/// a fault. Values that are secrets are replaced, and tokens and invoices are cut.
///
/// Must not block: the request waits for it.
pub trait Watch: Send + Sync {
    /// Receives the head of a request, just before it is sent.
    fn sent(&self, head: &RequestHead);

    /// Receives the head of an answer, the 402 of a purchase and redirects included.
    fn received(&self, head: &Head);
}

/// The head of a request on its way, without secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The path and the query.
    pub target: String,
    /// The headers, those of the HTTP client itself included.
    pub headers: HeaderMap,
}

/// The text in place of a secret.
const REDACTED: &str = "[redacted]";

/// The longest value that is shown whole in a challenge, in bytes. A token and an invoice are longer.
const SHOWN_MAX: usize = 40;

/// The beginning of a longer one that is shown, in bytes.
const SHOWN: usize = 12;

/// Parts of the names of headers that hold secrets of a caller's own.
const SECRET_NAMES: [&str; 6] = ["api-key", "apikey", "cookie", "password", "secret", "token"];

impl RequestHead {
    pub(super) fn of(request: &reqwest::Request) -> Self {
        let (url, mut headers) = (request.url(), HeaderMap::new());
        // As a server sees it: the HTTP client adds these two itself.
        let host = &url[Position::BeforeHost..Position::AfterPort];
        if let (false, Ok(host)) = (request.headers().contains_key(HOST), host.parse()) {
            headers.insert(HOST, host);
        }
        headers.extend(redacted(request.headers()));
        let length = request.body().and_then(|body| body.size_hint().exact());
        if let Some(length) = length.filter(|it| *it > 0) {
            headers.entry(CONTENT_LENGTH).or_insert(length.into());
        }
        Self {
            method: request.method().clone(),
            target: target(url),
            headers,
        }
    }
}

fn target(url: &Url) -> String {
    url[Position::BeforePath..Position::AfterQuery].to_owned()
}

/// Returns headers in which secrets are replaced and challenges are cut.
pub(super) fn redacted(headers: &HeaderMap) -> HeaderMap {
    let shown = headers
        .iter()
        .map(|(name, value)| (name.clone(), shown(name, value)));
    shown.collect()
}

fn shown(name: &HeaderName, value: &HeaderValue) -> HeaderValue {
    let text = String::from_utf8_lossy(value.as_bytes());
    let shown = if *name == AUTHORIZATION || *name == PROXY_AUTHORIZATION {
        let (scheme, _) = text.split_once(' ').unwrap_or_default();
        format!("{scheme} {REDACTED}").trim_start().to_owned()
    } else if *name == SET_COOKIE {
        without_value(&text)
    } else if *name == WWW_AUTHENTICATE {
        cut(&text)
    } else if *name == COOKIE || is_secret(name) {
        REDACTED.to_owned()
    } else {
        return value.clone();
    };
    // Made of a value by taking away and of ASCII, so it is one, but for bytes that are no text.
    HeaderValue::try_from(shown).unwrap_or(HeaderValue::from_static(REDACTED))
}

fn is_secret(name: &HeaderName) -> bool {
    let name = name.as_str();
    Credential::HEADERS.contains(&name) || SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Returns a cookie without its value, and with its attributes.
fn without_value(cookie: &str) -> String {
    let (pair, attributes) = match cookie.find(';') {
        Some(at) => cookie.split_at(at),
        None => (cookie, ""),
    };
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    format!("{name}={REDACTED}{attributes}")
}

/// Cuts each long value of a challenge, with and without quotation marks.
fn cut(challenge: &str) -> String {
    let mut shown = String::new();
    for (index, part) in challenge.split('"').enumerate() {
        if index > 0 {
            shown.push('"');
        }
        shown += &if index % 2 == 1 {
            cut_word(part)
        } else {
            let words = part.split_inclusive([' ', ',', '=']);
            words.map(cut_word).collect()
        };
    }
    shown
}

fn cut_word(word: &str) -> String {
    match word.get(..SHOWN).filter(|_| word.len() > SHOWN_MAX) {
        Some(start) => format!("{start}... ({} characters)", word.len()),
        None if word.len() > SHOWN_MAX => REDACTED.to_owned(),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let long = "x".repeat(200);
        let challenge = format!("L402 macaroon=\"{long}\", invoice=\"{long}\", version=\"0\"");
        for (name, value, expected) in [
            ("authorization", "L402 a:b", "L402 [redacted]"),
            ("authorization", "secret", "[redacted]"),
            ("proxy-authorization", "Basic bWU6cHc=", "Basic [redacted]"),
            ("l402-credential", "L402 a:b", "[redacted]"),
            ("cookie", "a=b", "[redacted]"),
            ("x-api-key", "b", "[redacted]"),
            ("l402-proxy-token", "b", "[redacted]"),
            ("set-cookie", "id=secret; Path=/", "id=[redacted]; Path=/"),
            (
                "www-authenticate",
                "Basic realm=\"a b\"",
                "Basic realm=\"a b\"",
            ),
            (
                "www-authenticate",
                &challenge,
                "L402 macaroon=\"xxxxxxxxxxxx... (200 characters)\", \
                 invoice=\"xxxxxxxxxxxx... (200 characters)\", version=\"0\"",
            ),
            ("location", "/x?y", "/x?y"),
        ] {
            let name = HeaderName::from_static(name);
            let found = shown(&name, &HeaderValue::try_from(value).unwrap());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_request_is_shown_as_a_server_sees_it() {
        let url = "http://a.example:81/x?y#z".parse().unwrap();
        let mut request = reqwest::Request::new(Method::POST, url);
        *request.body_mut() = Some("four".into());
        let head = RequestHead::of(&request);
        assert_eq!(head.target, "/x?y");
        assert_eq!(head.headers[HOST], "a.example:81");
        assert_eq!(head.headers[CONTENT_LENGTH], "4");
    }
}
