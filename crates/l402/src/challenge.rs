//! The `WWW-Authenticate` header: emit the superset line, parse everything seen in the wild.
//!
//! What is emitted is one line that both the specification of 2026 and the clients that
//! came before it can read. Parsing is a tokenizer over all header lines, in which
//! a parameter belongs to exactly one challenge, and which says so when a header can be read in
//! two ways, because whoever reads it is about to pay.

mod tokenizer;

#[cfg(test)]
mod tests;

use core::fmt;
use std::borrow::Cow;

use crate::Preimage;

pub(crate) use tokenizer::is_tchar;

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

    fn of_scheme(scheme: Scheme, token: &str, invoice: &str) -> Result<Self, ChallengeError> {
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

/// Any challenge of any scheme, parameters lower-cased by name, first value kept.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthChallenge {
    scheme: String,
    params: Vec<(String, String)>,
    ambiguous: bool,
}

impl AuthChallenge {
    /// The most parameters that one challenge may have.
    pub const MAX_PARAMS: usize = 32;

    fn new(scheme: String) -> Self {
        Self {
            scheme,
            params: Vec::new(),
            ambiguous: false,
        }
    }

    /// Adds a parameter, or notes that it contradicts an earlier one of its name.
    fn push(&mut self, name: String, value: String) -> Result<(), ChallengeError> {
        match self.param(&name) {
            Some(first) => self.ambiguous |= first != value,
            None if self.params.len() < Self::MAX_PARAMS => self.params.push((name, value)),
            None => return Err(ChallengeError::TooLarge),
        }
        Ok(())
    }

    /// The name of the scheme, as written.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The first value of a parameter; `name` in lower case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// All parameters in order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a parameter came again with another value: a client stops here.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// The token, under whichever of its two names.
    fn token(&self) -> Result<&str, ChallengeError> {
        match (self.param("macaroon"), self.param("token")) {
            (Some(macaroon), Some(token)) if macaroon != token => Err(ChallengeError::Ambiguous),
            (Some(token), _) | (None, Some(token)) if !token.is_empty() => Ok(token),
            _ => Err(ChallengeError::Incomplete),
        }
    }

    fn payable(&self, scheme: Scheme) -> Result<Challenge, ChallengeError> {
        if self.ambiguous {
            return Err(ChallengeError::Ambiguous);
        }
        let token = self.token()?;
        match self.param("invoice") {
            None | Some("") => Err(ChallengeError::Incomplete),
            Some(invoice) => Challenge::of_scheme(scheme, token, invoice),
        }
    }
}

/// Names the parameters without their values: one of them is a token.
impl fmt::Debug for AuthChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthChallenge")
            .field("scheme", &self.scheme)
            .field(
                "params",
                &self.params().map(|(name, _)| name).collect::<Vec<_>>(),
            )
            .field("ambiguous", &self.ambiguous)
            .finish()
    }
}

/// Why a set of header lines holds nothing to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeError {
    /// A parameter came twice with different values, or `macaroon` and `token` differ.
    Ambiguous,
    /// There is an L402 challenge, but it lacks an invoice or a token.
    Incomplete,
    /// The invoice is not visible ASCII without quote, comma and space.
    Invoice,
    /// No L402 or LSAT challenge at all.
    Missing,
    /// The token is not visible ASCII without quote, comma and space (ATTACKS C-35).
    Token,
    /// Over 64 KiB of header, 32 challenges, or 32 parameters in one.
    TooLarge,
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ambiguous => "the challenge says two different things; nothing was paid",
            Self::Incomplete => {
                "the challenge lacks the parameter invoice, or both token and macaroon"
            }
            Self::Invoice => {
                "the parameter invoice holds something other than an invoice's letters"
            }
            Self::Missing => "no www-authenticate line has the scheme L402 or LSAT",
            Self::Token => "the token holds a quote, a comma, a space or something unprintable",
            Self::TooLarge => {
                "more than 64 KiB of www-authenticate, 32 challenges, or 32 parameters in one"
            }
        })
    }
}

impl std::error::Error for ChallengeError {}

/// All challenges of one answer, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges(Vec<AuthChallenge>);

impl Challenges {
    /// Total bytes over all lines.
    pub const MAX_LEN: usize = 64 * 1024;
    /// The most challenges in one answer.
    pub const MAX_CHALLENGES: usize = 32;

    /// Parses all `WWW-Authenticate` lines, of every scheme.
    ///
    /// # Errors
    /// [`ChallengeError::TooLarge`] only; what is malformed is dropped, what came before is kept.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ChallengeError> {
        let mut found = Self::default();
        let mut left = Self::MAX_LEN;
        for line in lines {
            left = left
                .checked_sub(line.len())
                .ok_or(ChallengeError::TooLarge)?;
            tokenizer::read_line(line, &mut found)?;
        }
        Ok(found)
    }

    fn push(&mut self, challenge: AuthChallenge) -> Result<(), ChallengeError> {
        if self.0.len() >= Self::MAX_CHALLENGES {
            return Err(ChallengeError::TooLarge);
        }
        self.0.push(challenge);
        Ok(())
    }

    /// Every challenge, whatever its scheme.
    pub fn iter(&self) -> impl Iterator<Item = &AuthChallenge> {
        self.0.iter()
    }

    /// The L402 challenges that can be paid, L402 before LSAT, each in the order of the server.
    /// One that repeats the token and invoice of an earlier one is left out, as is one that
    /// lacks a part where another is complete.
    ///
    /// # Errors
    /// [`ChallengeError::Missing`] or [`ChallengeError::Incomplete`] where there is nothing to
    /// pay. [`ChallengeError::Ambiguous`], [`ChallengeError::Token`] and
    /// [`ChallengeError::Invoice`] where any of them is so, even beside a good one: a server
    /// that contradicts itself is not to be paid (ATTACKS C-16, C-35).
    pub fn payable(&self) -> Result<Vec<Challenge>, ChallengeError> {
        let mut payable: Vec<Challenge> = Vec::new();
        let mut verdict = ChallengeError::Missing;
        for (scheme, challenge) in self
            .of_scheme(Scheme::L402)
            .chain(self.of_scheme(Scheme::Lsat))
        {
            match challenge.payable(scheme) {
                Ok(new) => {
                    let same =
                        |old: &Challenge| old.token == new.token && old.invoice == new.invoice;
                    if !payable.iter().any(same) {
                        payable.push(new);
                    }
                }
                Err(ChallengeError::Incomplete) => verdict = ChallengeError::Incomplete,
                Err(error) => return Err(error),
            }
        }
        if payable.is_empty() {
            Err(verdict)
        } else {
            Ok(payable)
        }
    }

    fn of_scheme(&self, scheme: Scheme) -> impl Iterator<Item = (Scheme, &AuthChallenge)> {
        let of_scheme = move |challenge: &&AuthChallenge| {
            Scheme::named(challenge.scheme.as_bytes()) == Some(scheme)
        };
        self.iter()
            .filter(of_scheme)
            .map(move |challenge| (scheme, challenge))
    }
}
