//! The contents of a token of any format, for display.

use core::fmt;

use super::{json, v1};
use crate::preimage::PaymentHash;
use crate::token::Identifier;
use crate::token::macaroon::{base64, v2};

/// The longest token text that is read, in bytes.
const MAX_LEN: usize = 64 * 1024;

/// The most caveats that are shown.
pub(super) const MAX_CAVEATS: usize = 1024;

/// The format of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// JSON that is no macaroon, as Lightning Faucet makes it.
    Json,
    /// V1 packets, the oldest format of macaroons.
    V1,
    /// V2 binary, the format that L402 uses.
    V2,
    /// V2 JSON, the same fields as V2 binary.
    V2Json,
}

/// The statements of a token about itself. Nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The format of the token.
    pub format: Format,
    /// The location, escaped for display; empty if there is none.
    pub location: String,
    /// The identifier in lower-case hexadecimal; empty for a JSON token without one.
    pub identifier_hex: String,
    /// The payment hash, if the identifier is that of L402 (also as hexadecimal text), is a bare
    /// hash of 32 bytes, or a JSON token names a hash.
    pub payment_hash: Option<PaymentHash>,
    /// The caveats in order. Bytes outside printable ASCII are escaped as `\xNN`, a backslash as
    /// two. For a JSON token, its fields as `name=value`.
    pub caveats: Vec<Caveat>,
    /// The signature in hexadecimal, if there is one.
    pub signature_hex: Option<String>,
}

/// A caveat, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caveat {
    /// The text of the caveat, escaped for display.
    pub text: String,
    /// True if a third party must discharge the caveat.
    pub third_party: bool,
}

impl Caveat {
    pub(super) fn new(text: &[u8], third_party: bool) -> Self {
        Self {
            text: escape(text),
            third_party,
        }
    }
}

/// The error for a text that has none of the known formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFormat;

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token is neither a macaroon (V1, V2, V2 JSON) nor a JSON object")
    }
}

impl std::error::Error for UnknownFormat {}

/// Reads a token of any format (as base64, hexadecimal or JSON text), at most 64 KiB of text.
/// Ignores white space around it.
///
/// ```
/// let json = r#"{"identifier":"6964","service":"weather"}"#;
/// let seen = l402::inspect::inspect(json).unwrap();
/// assert_eq!(seen.format, l402::inspect::Format::Json);
/// assert_eq!(seen.caveats[0].text, "service=weather");
/// ```
///
/// # Errors
/// [`UnknownFormat`].
pub fn inspect(token: &str) -> Result<Inspection, UnknownFormat> {
    let token = token.trim_ascii();
    if token.len() > MAX_LEN {
        return Err(UnknownFormat);
    }
    // Hexadecimal before base64, whose alphabet contains all its digits.
    let spellings = [
        Some(token.as_bytes().to_vec()),
        hex::decode(token).ok(),
        base64::decode(token),
    ];
    spellings
        .into_iter()
        .flatten()
        .find_map(|bytes| of_bytes(&bytes))
        .ok_or(UnknownFormat)
}

/// Reads decoded bytes. Hexadecimal text is valid base64 too, but what that gives does not begin
/// like a token.
fn of_bytes(bytes: &[u8]) -> Option<Inspection> {
    match bytes.first()? {
        2 => of_v2(bytes),
        b'{' => json::read(bytes),
        _ => v1::read(bytes),
    }
}

/// Reads V2 binary. Bytes after the first macaroon are ignored.
fn of_v2(bytes: &[u8]) -> Option<Inspection> {
    let (fields, _others) = v2::read(bytes, MAX_CAVEATS).ok()?;
    let caveats = fields.caveats.iter();
    let caveats = caveats
        .map(|c| Caveat::new(c.identifier, c.verification_id.is_some()))
        .collect();
    Some(macaroon(
        Format::V2,
        fields.location,
        fields.identifier,
        caveats,
        fields.signature,
    ))
}

/// Makes the inspection of a macaroon of any format.
pub(super) fn macaroon(
    format: Format,
    location: &[u8],
    identifier: &[u8],
    caveats: Vec<Caveat>,
    signature: &[u8],
) -> Inspection {
    Inspection {
        format,
        location: escape(location),
        identifier_hex: hex::encode(identifier),
        payment_hash: payment_hash(identifier),
        caveats,
        signature_hex: Some(hex::encode(signature)),
    }
}

/// Returns the payment hash of any identifier seen in use: the 66 bytes of L402, the same as
/// hexadecimal text, and the bare hash, which one server marks with a byte 0xff.
pub(super) fn payment_hash(identifier: &[u8]) -> Option<PaymentHash> {
    let decoded = hex::decode(identifier).ok();
    let bytes = decoded.as_deref().unwrap_or(identifier);
    let bare = match bytes {
        [0xff, hash @ ..] if hash.len() == 32 => hash,
        other => other,
    };
    let bare = bare.try_into().ok().map(PaymentHash::from_bytes);
    bare.or_else(|| Identifier::from_bytes(bytes).ok().map(|id| id.payment_hash))
}

/// Escapes bytes for display: printable ASCII unchanged, a backslash doubled, anything else as
/// `\xNN`.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => text.push_str(r"\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!(r"\x{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier() -> [u8; 66] {
        core::array::from_fn(|i| {
            if i < 2 {
                0
            } else {
                0xc0 | u8::try_from(i & 31).unwrap()
            }
        })
    }

    #[test]
    fn finds_the_payment_hash_in_every_identifier_in_use() {
        let id = identifier();
        let hash = Identifier::from_bytes(&id).unwrap().payment_hash;
        let marked = [&[0xff], hash.as_bytes().as_slice()].concat();
        for bytes in [
            &id[..],
            hex::encode(id).as_bytes(),
            hash.as_bytes(),
            &marked,
        ] {
            assert_eq!(payment_hash(bytes), Some(hash), "{bytes:02x?}");
        }
        for bytes in [&b"we used our secret key"[..], &id[..65], b""] {
            assert_eq!(payment_hash(bytes), None);
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown() {
        assert_eq!(
            escape(b"a=b\x1b[2J\r\n\xff\\x"),
            r"a=b\x1b[2J\x0d\x0a\xff\\x"
        );
    }

    /// ATTACKS T-14, T-15.
    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        let packets = "0006 \n".repeat(10_000);
        let large = "0".repeat(MAX_LEN + 1);
        let deep = "{\"a\":".repeat(10_000);
        let base64 = base64::encode("0006 \n".repeat(8_000).as_bytes());
        for text in [
            "", " ", "hello", "Ag", "{}x", "[]", "0201", &packets, &large, &deep, &base64,
        ] {
            let start: String = text.chars().take(20).collect();
            assert_eq!(inspect(text), Err(UnknownFormat), "{start:?}");
        }
    }
}
