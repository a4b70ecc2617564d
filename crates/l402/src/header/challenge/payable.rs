//! The L402 challenge that a server writes and a client pays.

use core::fmt;
use std::borrow::Cow;

use super::ChallengeError;
use crate::preimage::Preimage;

/// `L402`, or its old name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The current name.
    L402,
    /// The name before 2023.
    Lsat,
}

impl Scheme {
    /// The name as it is written in both headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L402 => "L402",
            Self::Lsat => "LSAT",
        }
    }

    /// The scheme of this name, in any case.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        [Self::L402, Self::Lsat]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.name().as_bytes()))
    }
}

/// One L402 challenge that can be paid: an opaque token and an invoice.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    token: String,
    invoice: String,
}

impl Challenge {
    /// A challenge to emit. The token is standard padded base64 for the widest audience: some
    /// clients decode nothing else.
    ///
    /// # Errors
    /// [`ChallengeError::Token`] or [`ChallengeError::Invoice`] where either is empty or is not
    /// visible ASCII without quote, comma and space.
    pub fn new(token: &str, invoice: &str) -> Result<Self, ChallengeError> {
        Self::of_scheme(Scheme::L402, token, invoice)
    }

    pub(super) fn of_scheme(
        scheme: Scheme,
        token: &str,
        invoice: &str,
    ) -> Result<Self, ChallengeError> {
        if !is_plain(token) {
            return Err(ChallengeError::Token);
        }
        if !is_plain(invoice) {
            return Err(ChallengeError::Invoice);
        }
        Ok(Self {
            scheme,
            token: token.to_owned(),
            invoice: invoice.to_owned(),
        })
    }

    /// `L402 macaroon="T", invoice="P", version="0", token="T"`: the one form that
    /// has the parameters of 2026 and is understood by every client known to read `macaroon`.
    #[must_use]
    pub fn to_header(&self) -> String {
        let (token, invoice) = (quoted(&self.token), quoted(&self.invoice));
        [
            "L402 macaroon=\"",
            &token,
            "\", invoice=\"",
            &invoice,
            "\", version=\"0\", token=\"",
            &token,
            "\"",
        ]
        .concat()
    }

    /// `LSAT macaroon="T", invoice="P"`, for old gRPC clients; goes before the other line.
    #[must_use]
    pub fn to_lsat_header(&self) -> String {
        let (token, invoice) = (quoted(&self.token), quoted(&self.invoice));
        ["LSAT macaroon=\"", &token, "\", invoice=\"", &invoice, "\""].concat()
    }

    /// How the server named the scheme: the credential is sent back under the same name.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The token exactly as received; goes back byte for byte.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The invoice text, not decoded.
    #[must_use]
    pub fn invoice(&self) -> &str {
        &self.invoice
    }

    /// The credential header value for this challenge: `L402 <token>:<preimage hex>`, or `LSAT`
    /// where the challenge came under that name. A secret: it opens what was paid for.
    #[must_use]
    pub fn authorization(&self, preimage: &Preimage) -> String {
        format!(
            "{} {}:{}",
            self.scheme.name(),
            self.token,
            preimage.to_hex()
        )
    }
}

/// Shows the invoice, which is public, and of the token only its length.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("scheme", &self.scheme)
            .field("token_len", &self.token.len())
            .field("invoice", &self.invoice)
            .finish()
    }
}

/// Visible ASCII that fits unquoted into every header it may have to travel in.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() & (byte != b'"') & (byte != b',');
    // Without leaving early: the compiler then looks at many bytes at once.
    !text.is_empty() && text.bytes().fold(true, |all, byte| all & plain(byte))
}

/// What stands within the quotes of a quoted-string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| matches!(byte, b'\\' | b'"')) {
        text.replace('\\', "\\\\").replace('"', "\\\"").into()
    } else {
        text.into()
    }
}
