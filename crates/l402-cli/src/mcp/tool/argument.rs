//! The arguments of a call, held against the schema of its card and then read.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use l402::{Msat, PaymentHash};
use serde_json::{Map, Value};
use url::Url;

use super::card::Card;
use super::check::{check, whole};
use super::digest::digest;
use crate::mcp::purse::HttpCall;

/// Arguments with which models say yes in the place of a person, whatever tool they are given to. None is
/// consent.
// ATTACKS A-04: an argument is not consent.
const SAYS_YES: [&str; 11] = [
    "approval",
    "approve",
    "approved",
    "confirm",
    "confirmation",
    "confirmation_nonce",
    "confirmed",
    "force",
    "human_approved",
    "user_confirmed",
    "yes",
];

/// Returns true for the name of an argument with which models say yes.
pub(in crate::mcp) fn says_yes(name: &str) -> bool {
    SAYS_YES.contains(&name)
}

/// Headers that belong to the connection or to the wallet.
const TAKEN_HEADERS: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "l402-credential",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The arguments of a call, as its card allows them.
pub(super) struct Arguments {
    values: Map<String, Value>,
    /// The digest of the call, without what is ignored.
    pub(super) digest: [u8; 32],
    /// Remarks on arguments that were ignored, for the result.
    pub(super) notes: Vec<String>,
}

impl Arguments {
    /// Holds arguments against the schema of a tool.
    ///
    /// # Errors
    /// The first fault, for a model: the field, and the fix.
    pub(super) fn of(card: &Card, mut values: Map<String, Value>) -> Result<Self, String> {
        let mut notes = Vec::new();
        for name in SAYS_YES {
            let is_known = card.input["properties"].get(name).is_some();
            if !is_known && values.remove(name).is_some() {
                notes.push(format!(
                    "`{name}` is ignored: no argument approves a payment, only a person does"
                ));
            }
        }
        // Null means the same as nothing to many clients.
        values.retain(|_, value| !value.is_null());
        let values = Value::Object(values);
        check(&card.input, &values, "")?;
        let Value::Object(values) = values else {
            return Err("the arguments must be an object".to_owned());
        };
        Ok(Self {
            digest: digest(card.name, &values),
            values,
            notes,
        })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        u64::try_from(whole(self.values.get(name)?.as_number()?)?).ok()
    }

    /// Returns an amount that is given in satoshi.
    pub(super) fn sat(&self, name: &str) -> Option<Msat> {
        self.number(name).map(Msat::from_sat)
    }

    pub(super) fn hash(&self, name: &str) -> Option<PaymentHash> {
        self.text(name)?.to_ascii_lowercase().parse().ok()
    }

    /// Returns the HTTP request that is described, `None` if there is no URL.
    ///
    /// # Errors
    /// The field that is no part of a request, and the fix.
    pub(super) fn http(&self) -> Result<Option<HttpCall>, String> {
        let Some(url) = self.text("url") else {
            return Ok(None);
        };
        let method = self.text("method").unwrap_or("GET");
        Ok(Some(HttpCall {
            method: Method::from_bytes(method.as_bytes()).map_err(|_| "method is none of HTTP")?,
            url: read_url(url)?,
            headers: self.headers()?,
            body: self.text("body").unwrap_or_default().to_owned().into(),
        }))
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let given = self.values.get("headers").and_then(Value::as_object);
        for (name, value) in given.into_iter().flatten() {
            let shown = l402::text::escape_within(name, 40);
            let name: HeaderName = name
                .parse()
                .map_err(|_| format!("headers.{shown} is no name of a header"))?;
            if TAKEN_HEADERS.contains(&name.as_str()) {
                return Err(format!(
                    "headers.{shown} is set by the wallet; leave it out"
                ));
            }
            let value = value.as_str().unwrap_or_default();
            let value = HeaderValue::from_str(value).map_err(|_| {
                format!("headers.{shown} holds a character that no header may hold")
            })?;
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// Reads a URL that a model gives.
fn read_url(text: &str) -> Result<Url, String> {
    let example = "write a whole one, such as https://api.example/joke";
    let mut url: Url = text
        .trim()
        .parse()
        .map_err(|_| format!("url is no URL; {example}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!(
            "url must begin with https:// or http://; {example}"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("url must hold no user and password; use headers.authorization".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::card::Hints;
    use super::super::schema;
    use super::*;

    fn of(arguments: Value) -> Result<Arguments, String> {
        let mut input = schema::request();
        input["max_cost_sat"] = schema::max_cost();
        let card = Card {
            name: "l402_fetch",
            title: "",
            description: "",
            input: schema::object(input, &["url"]),
            output: json!({}),
            hints: Hints {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: false,
            },
        };
        let Value::Object(arguments) = arguments else {
            panic!("no object");
        };
        Arguments::of(&card, arguments)
    }

    fn http(arguments: Value) -> Result<HttpCall, String> {
        Ok(of(arguments)?.http()?.expect("a url"))
    }

    // ATTACKS A-04: an argument is no consent, and is no other call either.
    #[test]
    fn an_argument_that_says_yes_is_ignored_and_told() {
        let plain = of(json!({ "url": "https://a.example/" })).unwrap();
        let yes = json!({ "url": "https://a.example/", "confirmed": true, "force": "yes" });
        let yes = of(yes).unwrap();
        assert_eq!(yes.digest, plain.digest);
        assert_eq!(
            yes.notes,
            [
                "`confirmed` is ignored: no argument approves a payment, only a person does",
                "`force` is ignored: no argument approves a payment, only a person does"
            ]
        );
        assert_eq!(plain.notes, [""; 0]);
        let error = of(json!({ "url": "https://a.example/", "fast": true }))
            .err()
            .unwrap();
        assert!(error.starts_with("fast is no argument; known: "), "{error}");
    }

    #[test]
    fn a_request_is_read_whole() {
        let call = http(json!({
            "url": " https://a.example/x?q=1#part ", "method": "POST", "body": "{}",
            "headers": { "Content-Type": "application/json" }, "max_cost_sat": null,
        }))
        .unwrap();
        assert_eq!(call.url.as_str(), "https://a.example/x?q=1");
        assert_eq!(call.method, Method::POST);
        assert_eq!(call.headers["content-type"], "application/json");
        assert_eq!(&call.body[..], b"{}");
    }

    #[test]
    fn what_is_no_request_is_told() {
        for (url, error) in [
            (
                "joke",
                "url is no URL; write a whole one, such as https://api.example/joke",
            ),
            (
                "file:///etc/passwd",
                "url must begin with https:// or http://; write a whole one, such as https://api.example/joke",
            ),
            (
                "data:text/plain,x",
                "url must begin with https:// or http://; write a whole one, such as https://api.example/joke",
            ),
            (
                "https://me:pw@a.example/",
                "url must hold no user and password; use headers.authorization",
            ),
        ] {
            assert_eq!(
                http(json!({ "url": url })).err().as_deref(),
                Some(error),
                "{url}"
            );
        }
        for (name, value, error) in [
            (
                "Host",
                "b.example",
                "headers.Host is set by the wallet; leave it out",
            ),
            ("a b", "x", "headers.a b is no name of a header"),
            (
                "x",
                "a\r\nb: c",
                "headers.x holds a character that no header may hold",
            ),
        ] {
            let call = json!({ "url": "https://a.example/", "headers": { name: value } });
            assert_eq!(http(call).err().as_deref(), Some(error), "{name}");
        }
    }
}
