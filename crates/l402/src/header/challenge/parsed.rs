//! Challenges of any scheme, read from the header lines of one answer.

use core::fmt;

use super::{Challenge, ChallengeError, Scheme, tokenizer};
use crate::text;

/// A challenge of any scheme. Names of parameters are in lower case; of two with the same name the
/// first value is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthChallenge {
    scheme: String,
    params: Vec<(String, String)>,
    ambiguous: bool,
}

impl AuthChallenge {
    /// The most parameters that one challenge may have: 32.
    pub const MAX_PARAMS: usize = 32;

    pub(super) fn new(scheme: String) -> Self {
        Self {
            scheme,
            params: Vec::new(),
            ambiguous: false,
        }
    }

    /// Adds a parameter, or marks the challenge as ambiguous if an earlier value of that name
    /// differs.
    pub(super) fn push(&mut self, name: String, value: String) -> Result<(), ChallengeError> {
        match self.param(&name) {
            Some(first) => self.ambiguous |= first != value,
            None if self.params.len() < Self::MAX_PARAMS => self.params.push((name, value)),
            None => return Err(ChallengeError::TooLarge),
        }
        Ok(())
    }

    /// Returns the name of the scheme as the server wrote it.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the first value of a parameter. `name` must be in lower case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Returns all parameters in the order of the server, as (lower-case name, value).
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns true if a parameter came again with another value. Such a challenge must not be
    /// paid.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Returns the token, which is the value of `macaroon`, of `token`, or of both.
    fn token(&self) -> Result<&str, ChallengeError> {
        match (self.param("macaroon"), self.param("token")) {
            (Some(macaroon), Some(token)) if macaroon != token => Err(ChallengeError::Ambiguous),
            (Some(token), _) | (None, Some(token)) if !token.is_empty() => Ok(token),
            _ => Err(ChallengeError::Incomplete),
        }
    }

    /// Returns the challenge as one that can be paid.
    fn payable(&self, scheme: Scheme) -> Result<Challenge, ChallengeError> {
        if self.ambiguous {
            return Err(ChallengeError::Ambiguous);
        }
        let token = self.token()?;
        match self.param("invoice") {
            None | Some("") => Err(ChallengeError::Incomplete),
            Some(invoice) => Challenge::of_scheme(scheme, token, text::bare_invoice(invoice)),
        }
    }
}

/// Shows the names of the parameters without their values, since one value is a token.
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

/// All challenges of one answer, in the order of the server.
///
/// ```
/// use l402::{Challenges, Preimage};
///
/// let line = r#"L402 macaroon="AgEEbDQwMg==", invoice="lnbcrt500n1pexample""#;
/// let challenges = Challenges::parse([line.as_bytes()])?;
/// let challenge = &challenges.payable()?[0];
/// assert_eq!(challenge.invoice(), "lnbcrt500n1pexample");
///
/// // Paying the invoice reveals the preimage. The next request carries this header:
/// let authorization = challenge.authorization(&Preimage::from_bytes([0x2f; 32]));
/// assert!(authorization.starts_with("L402 AgEEbDQwMg==:2f2f"));
/// # Ok::<(), l402::ChallengeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges {
    pub(super) all: Vec<AuthChallenge>,
    /// An L402 challenge was left out because it cannot be read.
    pub(super) lost_one: bool,
}

impl Challenges {
    /// The most bytes over all lines together: 64 KiB.
    pub const MAX_LEN: usize = 64 * 1024;
    /// The most challenges in one answer: 32.
    pub const MAX_CHALLENGES: usize = 32;

    /// Parses all `WWW-Authenticate` lines, of every scheme.
    ///
    /// # Errors
    /// [`ChallengeError::TooLarge`] only. A malformed challenge is left out, the others are kept.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ChallengeError> {
        let mut found = Self::default();
        // One limit for all lines together: a limit for each would not bound their number.
        let mut left = Self::MAX_LEN;
        for line in lines {
            left = left
                .checked_sub(line.len())
                .ok_or(ChallengeError::TooLarge)?;
            tokenizer::read_line(line, &mut found)?;
        }
        Ok(found)
    }

    /// Adds a challenge, within the limit.
    pub(super) fn push(&mut self, challenge: AuthChallenge) -> Result<(), ChallengeError> {
        if self.all.len() >= Self::MAX_CHALLENGES {
            return Err(ChallengeError::TooLarge);
        }
        self.all.push(challenge);
        Ok(())
    }

    /// Returns the challenges of every scheme, in the order of the server.
    pub fn iter(&self) -> impl Iterator<Item = &AuthChallenge> {
        self.all.iter()
    }

    /// Returns the L402 challenges that can be paid: first those named L402, then those named LSAT,
    /// each in the order of the server. Leaves out a challenge that repeats the token and invoice
    /// of an earlier one, and an incomplete one if another is complete.
    ///
    /// # Errors
    /// [`ChallengeError::Missing`], [`ChallengeError::Unreadable`] or [`ChallengeError::Incomplete`] if
    /// there is nothing to pay.
    /// [`ChallengeError::Ambiguous`], [`ChallengeError::Token`] and [`ChallengeError::Invoice`] if
    /// one challenge is so, even if another is good: a server that contradicts itself is not to be
    /// paid (ATTACKS C-16, C-35).
    pub fn payable(&self) -> Result<Vec<Challenge>, ChallengeError> {
        let mut payable: Vec<Challenge> = Vec::new();
        let mut verdict = if self.lost_one {
            ChallengeError::Unreadable
        } else {
            ChallengeError::Missing
        };
        for (scheme, challenge) in self
            .of_scheme(Scheme::L402)
            .chain(self.of_scheme(Scheme::Lsat))
        {
            match challenge.payable(scheme) {
                Ok(new) => {
                    // Servers send one offer under both names of the scheme; a client is to see it
                    // once.
                    let same = |old: &Challenge| {
                        old.token() == new.token() && old.invoice() == new.invoice()
                    };
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

    /// Returns the challenges of one scheme, in the order of the server.
    fn of_scheme(&self, scheme: Scheme) -> impl Iterator<Item = (Scheme, &AuthChallenge)> {
        let of_scheme = move |challenge: &&AuthChallenge| {
            Scheme::named(challenge.scheme.as_bytes()) == Some(scheme)
        };
        self.iter()
            .filter(of_scheme)
            .map(move |challenge| (scheme, challenge))
    }
}
