//! Challenges of any scheme, as the header lines of one answer hold them.

use core::fmt;

use super::{Challenge, ChallengeError, Scheme, tokenizer};

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

    pub(super) fn new(scheme: String) -> Self {
        Self {
            scheme,
            params: Vec::new(),
            ambiguous: false,
        }
    }

    /// Adds a parameter, or notes that it contradicts an earlier one of its name.
    pub(super) fn push(&mut self, name: String, value: String) -> Result<(), ChallengeError> {
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

/// All challenges of one answer, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges(pub(super) Vec<AuthChallenge>);

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

    pub(super) fn push(&mut self, challenge: AuthChallenge) -> Result<(), ChallengeError> {
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

    fn of_scheme(&self, scheme: Scheme) -> impl Iterator<Item = (Scheme, &AuthChallenge)> {
        let of_scheme = move |challenge: &&AuthChallenge| {
            Scheme::named(challenge.scheme.as_bytes()) == Some(scheme)
        };
        self.iter()
            .filter(of_scheme)
            .map(move |challenge| (scheme, challenge))
    }
}
