//! Base64url, canonical JSON, and the values of the scheme.

use core::fmt;
use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::token::hmac_sha256;

/// The largest credential or receipt, decoded, in bytes; the draft asks for 4 KiB at least.
const MAX_LEN: usize = 64 * 1024;

/// Why text is none of this scheme's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaymentSchemeError {
    /// Not base64url, padded wrongly, or with trailing bits.
    Base64,
    /// A member that the draft requires is missing, empty or of another type.
    Incomplete,
    /// Not JSON, or not an object.
    Json,
    /// Another scheme than `Payment`.
    Scheme,
    /// Over 64 KiB.
    TooLarge,
}

impl fmt::Display for PaymentSchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "not base64url",
            Self::Incomplete => "a required member is missing",
            Self::Json => "not a JSON object",
            Self::Scheme => "the scheme is not Payment",
            Self::TooLarge => "larger than 64 KiB",
        })
    }
}

impl std::error::Error for PaymentSchemeError {}

/// The parameters of a challenge that its id is bound to. Absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundParams<'a> {
    /// Who asks.
    pub realm: &'a str,
    /// `lightning`.
    pub method: &'a str,
    /// `charge` or `session`.
    pub intent: &'a str,
    /// The request, base64url of canonical JSON.
    pub request: &'a str,
    /// When the challenge ends (RFC 3339).
    pub expires: &'a str,
    /// A digest of the request's body.
    pub digest: &'a str,
    /// What the server wants echoed, base64url of JSON.
    pub opaque: &'a str,
}

impl BoundParams<'_> {
    /// The id: HMAC-SHA256 over the seven slots, joined by `|`, in base64url without padding.
    /// A `|` inside a slot is not escaped, so whoever mints keeps it out of the realm.
    #[must_use]
    pub fn id(&self, secret: &[u8]) -> String {
        let Self {
            realm,
            method,
            intent,
            request,
            expires,
            digest,
            opaque,
        } = self;
        let slots = [*realm, method, intent, request, expires, digest, opaque].join("|");
        URL_SAFE_NO_PAD.encode(hmac_sha256(secret, &[slots.as_bytes()]))
    }
}

/// A credential: the echoed challenge and the proof.
#[derive(Clone, PartialEq)]
pub struct PaymentCredential(Map<String, Value>);

impl PaymentCredential {
    /// Reads the value of an `Authorization` header.
    ///
    /// # Errors
    /// See [`PaymentSchemeError`]. The challenge needs `id`, `realm`, `method`, `intent` and
    /// `request`, and the credential a payload.
    pub fn from_header(value: &str) -> Result<Self, PaymentSchemeError> {
        let (scheme, token) = value.split_once(' ').ok_or(PaymentSchemeError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("payment") {
            return Err(PaymentSchemeError::Scheme);
        }
        let members = decode_object(token.trim_start_matches(' '))?;
        let credential = Self(members);
        let required = ["id", "realm", "method", "intent", "request"];
        let echoed = required.iter().all(|name| {
            credential
                .challenge(name)
                .is_some_and(|value| !value.is_empty())
        });
        let complete = echoed && credential.payload().is_some();
        if complete {
            Ok(credential)
        } else {
            Err(PaymentSchemeError::Incomplete)
        }
    }

    /// A parameter of the echoed challenge.
    #[must_use]
    pub fn challenge(&self, name: &str) -> Option<&str> {
        self.0.get("challenge")?.get(name)?.as_str()
    }

    /// The proof, such as `{"preimage":"…"}`: secret.
    #[must_use]
    pub fn payload(&self) -> Option<&Map<String, Value>> {
        self.0.get("payload")?.as_object()
    }

    /// Who pays, a DID, where the credential says so.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.0.get("source")?.as_str()
    }
}

/// Shows the challenge's id alone.
impl fmt::Debug for PaymentCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.challenge("id");
        f.debug_struct("PaymentCredential")
            .field("id", &id)
            .finish_non_exhaustive()
    }
}

/// Reads a `Payment-Receipt` header, or any base64url of a JSON object. Whole numbers stay exact.
///
/// # Errors
/// [`PaymentSchemeError::Base64`], [`PaymentSchemeError::Json`], [`PaymentSchemeError::TooLarge`].
pub fn decode_object(text: &str) -> Result<Map<String, Value>, PaymentSchemeError> {
    let bytes = decode_base64url(text)?;
    serde_json::from_slice(&bytes).map_err(|_| PaymentSchemeError::Json)
}

/// Base64url without padding, as the scheme writes everything.
#[must_use]
pub fn encode_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url, without padding or with all of it.
///
/// # Errors
/// [`PaymentSchemeError::Base64`], [`PaymentSchemeError::TooLarge`].
pub fn decode_base64url(text: &str) -> Result<Vec<u8>, PaymentSchemeError> {
    if text.len() > MAX_LEN.div_ceil(3).saturating_mul(4) {
        return Err(PaymentSchemeError::TooLarge);
    }
    let engine = if text.ends_with('=') {
        &URL_SAFE
    } else {
        &URL_SAFE_NO_PAD
    };
    engine.decode(text).map_err(|_| PaymentSchemeError::Base64)
}

/// The canonical form of a JSON text (RFC 8785): members sorted by UTF-16 code units, numbers as
/// ECMAScript writes them, no white space.
///
/// # Errors
/// [`PaymentSchemeError::Json`] for text that is not JSON.
pub fn canonical_json(text: &str) -> Result<String, PaymentSchemeError> {
    let value: Value = serde_json::from_str(text).map_err(|_| PaymentSchemeError::Json)?;
    let mut out = String::new();
    write_canonical(&mut out, &value);
    Ok(out)
}

/// Recurses no deeper than the JSON reader allowed, which is 128 levels.
fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_canonical(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(out, member);
            }
            out.push('}');
        }
        Value::Number(number) => write_number(out, number.as_f64().unwrap_or_default()),
        Value::Bool(_) | Value::Null | Value::String(_) => out.push_str(&value.to_string()),
    }
}

/// ECMAScript's `Number::toString` (ECMA-262, 6.1.6.1.20): the shortest digits that read back,
/// plain from 1e-6 up to 1e21, with an exponent beyond.
fn write_number(out: &mut String, number: f64) {
    if number == 0.0 {
        return out.push('0');
    }
    let text = format!("{:e}", number.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    out.push_str(if number < 0.0 { "-" } else { "" });
    match usize::try_from(exponent) {
        Ok(whole) if whole < 21 => write_plain(out, &digits, whole.saturating_add(1)),
        Err(_) if exponent >= -6 => {
            let zeros = exponent.unsigned_abs().saturating_sub(1);
            out.push_str("0.");
            (0..zeros).for_each(|_| out.push('0'));
            out.push_str(&digits);
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            let point = if rest.is_empty() { "" } else { "." };
            // Writing into a String cannot fail.
            let _ = write!(out, "{first}{point}{rest}e{exponent:+}");
        }
    }
}

/// Digits with the decimal point behind the first `whole` of them.
fn write_plain(out: &mut String, digits: &str, whole: usize) {
    match digits.split_at_checked(whole) {
        Some((before, "")) => out.push_str(before),
        Some((before, after)) => {
            out.push_str(before);
            out.push('.');
            out.push_str(after);
        }
        None => {
            out.push_str(digits);
            let zeros = whole.saturating_sub(digits.len());
            (0..zeros).for_each(|_| out.push('0'));
        }
    }
}
