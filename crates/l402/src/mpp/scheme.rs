//! Base64url and the values of the scheme: bound parameters, credential, receipt.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::token::hmac_sha256;

/// The largest credential or receipt in bytes, decoded. The draft asks for at least 4 KiB.
const MAX_LEN: usize = 64 * 1024;

/// The reason why a text is not a value of the `Payment` scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaymentSchemeError {
    /// The text is not base64url, is padded wrongly, or has trailing bits.
    Base64,
    /// A member that the draft requires is missing, empty or of another type.
    Incomplete,
    /// The text is not JSON, or not an object.
    Json,
    /// The header is of another scheme than `Payment`.
    Scheme,
    /// The decoded value is larger than 64 KiB.
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

/// The parameters that the id of a challenge is bound to. An absent parameter is an empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundParams<'a> {
    /// The protection space that the server names (RFC 9110 section 11.5).
    pub realm: &'a str,
    /// The way of payment, such as `lightning`.
    pub method: &'a str,
    /// The kind of payment: `charge` or `session`.
    pub intent: &'a str,
    /// The payment request, base64url of canonical JSON.
    pub request: &'a str,
    /// The end of the challenge (RFC 3339).
    pub expires: &'a str,
    /// The digest of the body of the HTTP request.
    pub digest: &'a str,
    /// The data that the client must send back unchanged, base64url of JSON.
    pub opaque: &'a str,
}

impl BoundParams<'_> {
    /// Returns the id: HMAC-SHA256 under `secret` over the seven parameters, joined by `|`, in
    /// base64url without padding. A `|` inside a parameter is not escaped, so the server must keep
    /// it out of the realm.
    #[must_use]
    pub fn id(&self, secret: &[u8]) -> String {
        // Destructured, so that a parameter added to the struct cannot be forgotten here and stay
        // unbound.
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

/// A credential of the scheme: the challenge sent back, and the proof of payment.
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

    /// Returns a parameter of the challenge that the client sent back.
    #[must_use]
    pub fn challenge(&self, name: &str) -> Option<&str> {
        self.0.get("challenge")?.get(name)?.as_str()
    }

    /// Returns the proof, such as `{"preimage":"…"}`. A secret.
    #[must_use]
    pub fn payload(&self) -> Option<&Map<String, Value>> {
        self.0.get("payload")?.as_object()
    }

    /// Returns the payer, a DID, if the credential names one.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.0.get("source")?.as_str()
    }
}

/// Shows only the id of the challenge.
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

/// Returns base64url without padding, the form of every value of the scheme.
#[must_use]
pub fn encode_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url, unpadded or wholly padded.
///
/// # Errors
/// [`PaymentSchemeError::Base64`], [`PaymentSchemeError::TooLarge`].
pub fn decode_base64url(text: &str) -> Result<Vec<u8>, PaymentSchemeError> {
    // Checked before decoding, so that the limit bounds the memory.
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
