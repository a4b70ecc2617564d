//! The L402 challenge that a server writes and a client pays.

use core::fmt;
use std::borrow::Cow;

use super::ChallengeError;
use crate::preimage::Preimage;

/// A name of the authentication scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `L402`, the current name.
    L402,
    /// `LSAT`, the name before 2023.
    Lsat,
}

impl Scheme {
    /// Returns the name as both headers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L402 => "L402",
            Self::Lsat => "LSAT",
        }
    }

    /// Returns the scheme with this name, in any case.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        [Self::L402, Self::Lsat]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.name().as_bytes()))
    }
}

/// One L402 challenge that can be paid: an opaque token and an invoice.
///
/// ```
/// use l402::{Challenge, Scheme};
///
/// let challenge = Challenge::new("AgEEbDQwMg==", "lnbcrt500n1pexample")?;
/// assert_eq!(challenge.scheme(), Scheme::L402);
/// assert_eq!(
///     challenge.to_lsat_header(),
///     r#"LSAT macaroon="AgEEbDQwMg==", invoice="lnbcrt500n1pexample""#
/// );
/// # Ok::<(), l402::ChallengeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    token: String,
    invoice: String,
}

impl Challenge {
    /// Makes a challenge to send. The token should be standard base64 with padding, as some clients
    /// decode no other form.
    ///
    /// # Errors
    /// [`ChallengeError::Token`] or [`ChallengeError::Invoice`] if that part is empty, or is not
    /// visible ASCII without quote, comma and space.
    pub fn new(token: &str, invoice: &str) -> Result<Self, ChallengeError> {
        Self::of_scheme(Scheme::L402, token, invoice)
    }

    /// Makes a challenge that came under this name of the scheme.
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

    /// Returns the header value `L402 macaroon="T", invoice="P", version="0", token="T"`: the
    /// parameters of 2026, and `macaroon`, which every older client reads.
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

    /// Returns the header value `LSAT macaroon="T", invoice="P"`, for old gRPC clients. Such a line
    /// goes before the one of [`Challenge::to_header`].
    #[must_use]
    pub fn to_lsat_header(&self) -> String {
        let (token, invoice) = (quoted(&self.token), quoted(&self.invoice));
        ["LSAT macaroon=\"", &token, "\", invoice=\"", &invoice, "\""].concat()
    }

    /// Returns the name of the scheme that the server used. The credential is sent under the same
    /// name.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the token exactly as received. A client sends it back unchanged.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the text of the invoice, not decoded.
    #[must_use]
    pub fn invoice(&self) -> &str {
        &self.invoice
    }

    /// Returns the value of `Authorization` for this challenge: `L402 <token>:<preimage hex>`, or
    /// `LSAT` if the server used that name. A secret: it gives access to what was paid for.
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

/// Shows the invoice, which is public, and only the length of the token.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("scheme", &self.scheme)
            .field("token_len", &self.token.len())
            .field("invoice", &self.invoice)
            .finish()
    }
}

/// Returns true if the text is visible ASCII without quote and comma, and so fits unquoted into
/// every header that must carry it.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() & (byte != b'"') & (byte != b',');
    // No early exit, so that the compiler can check many bytes at once.
    !text.is_empty() && text.bytes().fold(true, |all, byte| all & plain(byte))
}

/// Escapes text for a quoted-string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> Cow<'_, str> {
    // A token may hold a backslash. A quote is refused before, and escaped all the same.
    if text.bytes().any(|byte| matches!(byte, b'\\' | b'"')) {
        text.replace('\\', "\\\\").replace('"', "\\\"").into()
    } else {
        text.into()
    }
}
