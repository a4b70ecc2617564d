//! The error of reading or writing a challenge.

use core::fmt;

/// The reason why header lines hold nothing to pay, or why a challenge cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeError {
    /// A parameter came twice with different values, or `macaroon` and `token` differ.
    Ambiguous,
    /// An L402 challenge lacks an invoice or a token.
    Incomplete,
    /// The invoice is not visible ASCII without quote, comma and space.
    Invoice,
    /// No challenge has the scheme L402 or LSAT.
    Missing,
    /// The token is not visible ASCII without quote, comma and space (ATTACKS C-35).
    Token,
    /// The lines exceed 64 KiB, 32 challenges, or 32 parameters in one challenge.
    TooLarge,
    /// An L402 or LSAT challenge breaks the grammar, for example by a quote without its end.
    Unreadable,
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
            Self::Unreadable => {
                "the L402 challenge in www-authenticate cannot be read: a quote has no end, or a \
                 character stands where none may"
            }
        })
    }
}

impl std::error::Error for ChallengeError {}
