//! Errors, sorted by what the caller may do next.

use std::fmt;
use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};

use crate::BudgetLimit;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal;)*) => {
        /// A reason not to pay a challenge. Each has a code of its own; no money moved.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refused {
            $($(#[$doc])* $variant,)*
        }

        impl Refused {
            /// Every reason, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the stable code, the variant's name in snake_case.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// Two challenges, or two values of a parameter, disagree.
    Ambiguous = "ambiguous";
    /// The invoice has no amount.
    Amountless = "amountless";
    /// The request has an `Authorization` of its own, and the server does not say that it reads the
    /// credential from `L402-Credential`.
    AuthorizationTaken = "authorization_taken";
    /// The budget that the payment counts against is stopped.
    BudgetStopped = "budget_stopped";
    /// The challenge is incomplete, or its token or invoice holds forbidden characters.
    ChallengeMalformed = "challenge_malformed";
    /// `WWW-Authenticate`, or the whole head of the answer, is too large.
    ChallengeTooLarge = "challenge_too_large";
    /// The caller's request already holds a credential, which the client chooses by itself.
    CredentialGiven = "credential_given";
    /// The caller's hook denied the payment, or gave no valid answer in time.
    DeniedByHook = "denied_by_hook";
    /// The answer asks for a credential over plain HTTP to a host that is not this machine.
    InsecureOrigin = "insecure_origin";
    /// The invoice has expired, or is about to.
    InvoiceExpired = "invoice_expired";
    /// The invoice is dated more than five minutes ahead.
    InvoiceFromFuture = "invoice_from_future";
    /// The invoice is not BOLT 11, or needs a feature that is unknown here.
    InvoiceMalformed = "invoice_malformed";
    /// The invoice's signature does not hold.
    InvoiceSignature = "invoice_signature";
    /// The answer is a 402 without anything that can be paid, for example with other schemes only.
    NothingPayable = "nothing_payable";
    /// The address is one of the caller's own wallet.
    OwnAddress = "own_address";
    /// The invoice is signed by another node than earlier ones of this origin.
    PayeeChanged = "payee_changed";
    /// The address is a private one, and nobody named it.
    PrivateAddress = "private_address";
    /// A redirect led to another origin that asks for money, that would get the body, or that may not be
    /// asked.
    RedirectedAcrossOrigins = "redirected_across_origins";
    /// The seller has taken money for nothing within a day, or before a paid answer since.
    SellerStopped = "seller_stopped";
    /// The server's certificate is not verified, so that nobody knows who would be paid.
    UnverifiedServer = "unverified_server";
    /// The token, the body or a `Payment` challenge names another amount than the invoice.
    WrongAmount = "wrong_amount";
    /// The token, the body or a `Payment` challenge names another payment hash than the invoice.
    WrongHash = "wrong_hash";
    /// The invoice is for another network than the wallet's.
    WrongNetwork = "wrong_network";
}

/// A failure, sorted by what the caller may do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The body of the request cannot be read, or not be kept to be sent twice. No money moved.
    Body {
        /// A description, for people.
        detail: String,
    },
    /// Another purchase of the same origin and path has been under way for longer than this call
    /// waits. No money moved by this call.
    Busy {
        /// The time that this call waited.
        waited: Duration,
    },
    /// The caller's approval said no. No money moved.
    Declined,
    /// The request would cost more than a limit allows. No money moved.
    OverBudget {
        /// The most that the request would cost, fee included.
        cost: Msat,
        /// The limit that it exceeds.
        limit: Msat,
        /// The limit's name.
        which: BudgetLimit,
        /// The budget that the limit is stored for; `None` for a limit of the client.
        budget: Option<String>,
        /// The sum that counts against the limit already: spent within its window, or reserved. Zero for
        /// [`BudgetLimit::PerRequest`].
        spent: Msat,
        /// The time from which enough of what is spent no longer counts, if nothing else is bought.
        /// `None` if that alone is not enough.
        frees: Option<UnixTime>,
    },
    /// The request was paid and not answered. The credential is kept, and the next call uses it if
    /// `retry_same_token` is set.
    PaidButFailed {
        /// The payment hash.
        payment_hash: PaymentHash,
        /// The status of the answer, if there was one.
        status: Option<u16>,
        /// A description, for people.
        reason: String,
        /// True if the same request again may succeed and pays nothing.
        retry_same_token: bool,
    },
    /// The wallet reports a payment, but its preimage does not hash to the payment hash.
    PaidWithoutProof {
        /// The payment hash.
        payment_hash: PaymentHash,
    },
    /// The payment failed for certain. No money moved.
    PaymentFailed {
        /// The wallet's reason.
        reason: String,
    },
    /// The server asks for money and there is no wallet. No money moved.
    PaymentRequired(Box<crate::Quote>),
    /// The outcome of the payment is not known. The amount stays reserved, and nothing is retried.
    PaymentUnknown {
        /// The payment hash.
        payment_hash: PaymentHash,
        /// A description, for people.
        reason: String,
    },
    /// The challenge or its invoice is refused. No money moved.
    Refused {
        /// The reason, with a code of its own.
        reason: Refused,
        /// The same in words, for people.
        detail: String,
    },
    /// The journal or its locks cannot be used. No money moved.
    Store {
        /// The file and its fault.
        detail: String,
    },
    /// There is no answer in time, or the server's name has no address: a fault that may end by
    /// itself. No money moved by this call.
    Transient {
        /// A description, for people.
        detail: String,
        /// True if the answer did not come in time.
        timed_out: bool,
    },
    /// There is no answer, for example because of TLS or of a connection that was refused or broken.
    /// No money moved by this call.
    Transport {
        /// A description, for people.
        detail: String,
    },
    /// The budget that the client is to pay from is not in the journal. No money moved.
    UnknownBudget {
        /// The name that was asked for.
        name: String,
        /// The budgets that are there.
        known: Vec<String>,
    },
    /// The wallet cannot be asked, or must not be asked because it has broken a fee limit. No money
    /// moved.
    Wallet {
        /// A description, for people.
        detail: String,
    },
}

/// The end of the text of each error that moved no money.
const NO_MONEY_MOVED: &str = "; no money moved";

impl Error {
    pub(crate) fn refused(reason: Refused, detail: impl Into<String>) -> Self {
        Self::Refused {
            reason,
            detail: detail.into(),
        }
    }

    pub(crate) fn store(detail: impl Into<String>) -> Self {
        Self::Store {
            detail: detail.into(),
        }
    }

    /// Returns the text without the promise that no money moved, for a place behind a payment, where the
    /// error is only a part of what happened.
    pub(crate) fn without_promise(&self) -> String {
        let text = self.to_string();
        text.strip_suffix(NO_MONEY_MOVED)
            .unwrap_or(&text)
            .to_owned()
    }

    /// Returns true if it is certain that this call moved no money.
    #[must_use]
    pub const fn no_money_moved(&self) -> bool {
        // Without a wildcard: a new variant must be decided here, for the program repeats it to
        // people as a promise.
        match self {
            Self::Body { .. }
            | Self::Busy { .. }
            | Self::Declined
            | Self::OverBudget { .. }
            | Self::PaymentFailed { .. }
            | Self::PaymentRequired(_)
            | Self::Refused { .. }
            | Self::Store { .. }
            | Self::Transient { .. }
            | Self::Transport { .. }
            | Self::UnknownBudget { .. }
            | Self::Wallet { .. } => true,
            Self::PaidButFailed { .. }
            | Self::PaidWithoutProof { .. }
            | Self::PaymentUnknown { .. } => false,
        }
    }

    /// A stable code: `body`, `busy`, `declined`, `over_budget`, `paid_but_failed` (the same request
    /// again pays nothing), `paid_refused` (it pays again), `paid_without_proof`, `payment_failed`, `payment_required`, `payment_unknown`, the code of [`Refused`],
    /// `store`, `transport` (also of [`Error::Transient`]), `unknown_budget`, `wallet`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Body { .. } => "body",
            Self::Busy { .. } => "busy",
            Self::Declined => "declined",
            Self::OverBudget { .. } => "over_budget",
            Self::PaidButFailed {
                retry_same_token: true,
                ..
            } => "paid_but_failed",
            Self::PaidButFailed { .. } => "paid_refused",
            Self::PaidWithoutProof { .. } => "paid_without_proof",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::PaymentRequired(_) => "payment_required",
            Self::PaymentUnknown { .. } => "payment_unknown",
            Self::Refused { reason, .. } => reason.code(),
            Self::Store { .. } => "store",
            Self::Transient { .. } | Self::Transport { .. } => "transport",
            Self::UnknownBudget { .. } => "unknown_budget",
            Self::Wallet { .. } => "wallet",
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body { detail } => write!(f, "the body of the request: {detail}"),
            Self::Busy { waited } => write_busy(f, *waited),
            Self::Declined => f.write_str("the payment was declined"),
            Self::OverBudget {
                cost,
                limit,
                which,
                budget,
                spent,
                frees,
            } => {
                let limit = (*which, budget.as_deref(), *limit);
                write_over_budget(f, limit, [*cost, *spent], *frees)
            }
            Self::PaidButFailed {
                payment_hash,
                reason,
                retry_same_token,
                ..
            } => {
                let next = next_after_payment(*retry_same_token);
                write!(f, "paid ({payment_hash}), but not served: {reason}; {next}")
            }
            Self::PaidWithoutProof { payment_hash } => write!(
                f,
                "the wallet says that {payment_hash} is paid, but its preimage does not prove it; \
                 nothing was sent, and the amount counts as spent"
            ),
            Self::PaymentFailed { reason } => write!(f, "the payment failed: {reason}"),
            Self::PaymentRequired(quote) => write!(
                f,
                "{} asks for {}, and there is no wallet to pay with",
                quote.origin, quote.amount
            ),
            Self::PaymentUnknown {
                payment_hash,
                reason,
            } => write!(
                f,
                "nobody knows yet whether payment {payment_hash} went through: {reason}; its amount \
                 stays reserved, and nothing is paid again until the wallet knows"
            ),
            Self::Refused { reason, detail } => write!(f, "not paid ({}): {detail}", reason.code()),
            Self::Store { detail } => write!(f, "the payment journal cannot be used: {detail}"),
            Self::Transient { detail, .. } | Self::Transport { detail } => {
                write!(f, "no answer: {detail}")
            }
            Self::UnknownBudget { name, known } => {
                let known = known.join(", ");
                write!(f, "there is no budget {name}; there are: {known}")
            }
            Self::Wallet { detail } => write!(f, "the wallet cannot be used: {detail}"),
        }
    }
}

/// Answers the reader's first question: does the same command again cost money?
const fn next_after_payment(retry_same_token: bool) -> &'static str {
    if retry_same_token {
        "the credential is kept; the same request again uses it and pays nothing"
    } else {
        "asking again would pay again; take it up with the seller, who can check the payment hash"
    }
}

fn write_busy(f: &mut fmt::Formatter<'_>, waited: Duration) -> fmt::Result {
    write!(
        f,
        "another purchase of this path is under way, and did not end within {waited:?}"
    )
}

fn write_over_budget(
    f: &mut fmt::Formatter<'_>,
    (which, budget, limit): (BudgetLimit, Option<&str>, Msat),
    [cost, spent]: [Msat; 2],
    frees: Option<UnixTime>,
) -> fmt::Result {
    write!(
        f,
        "{cost} with the fee is over the limit {which} of {limit}"
    )?;
    if let Some(budget) = budget {
        write!(f, " of the budget {budget}")?;
    }
    if which == BudgetLimit::PerRequest {
        return Ok(());
    }
    let phrase = which.phrase();
    write!(f, "{phrase}, {spent} of which are spent or reserved; ")?;
    // With its date: after a clock that was far ahead, it may be years away.
    match frees {
        Some(at) => write!(f, "enough of it is free again at {}", at.to_rfc3339()),
        None => f.write_str("waiting alone does not free enough of it"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        // Here and not in each text, so that no variant can forget it or say it wrongly.
        if self.no_money_moved() {
            f.write_str(NO_MONEY_MOVED)
        } else {
            Ok(())
        }
    }
}

impl From<l402_host::FileError> for Error {
    fn from(error: l402_host::FileError) -> Self {
        Self::store(error.to_string())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_code_and_says_that_no_money_moved() {
        let codes: HashSet<_> = Refused::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Refused::ALL.len());
        for reason in Refused::ALL {
            let squeezed = reason.code().replace('_', "");
            assert_eq!(format!("{reason:?}").to_ascii_lowercase(), squeezed);
            let error = Error::refused(*reason, "because");
            assert_eq!(error.code(), reason.code());
            assert!(error.to_string().ends_with("no money moved"), "{error}");
        }
    }

    // FAULTS T16: the limit, what is spent of it, and when it frees.
    #[test]
    fn a_limit_is_told_by_its_name_with_what_is_spent_and_when_it_frees() {
        let text = |which, budget: Option<&str>, frees| {
            let (cost, limit, spent) = [60, 50, 45].map(Msat::from_sat).into();
            let over = Error::OverBudget {
                cost,
                limit,
                which,
                budget: budget.map(str::to_owned),
                spent,
                frees,
            };
            over.to_string()
        };
        assert_eq!(
            text(BudgetLimit::PerRequest, None, None),
            "60 sat with the fee is over the limit per_request of 50 sat; no money moved"
        );
        let day = "60 sat with the fee is over the limit per_day of 50 sat in 24 hours, 45 sat of \
                   which are spent or reserved; ";
        assert_eq!(
            text(
                BudgetLimit::PerDay,
                None,
                Some(UnixTime::from_secs(4_107_542_400))
            ),
            format!("{day}enough of it is free again at 2100-03-01T00:00:00Z; no money moved")
        );
        assert_eq!(
            text(BudgetLimit::PerDay, None, None),
            format!("{day}waiting alone does not free enough of it; no money moved")
        );
        assert_eq!(
            text(BudgetLimit::InAll, Some("research"), None),
            "60 sat with the fee is over the limit in_all of 50 sat of the budget research in all, \
             45 sat of which are spent or reserved; waiting alone does not free enough of it; no \
             money moved"
        );
    }

    #[test]
    fn behind_a_payment_no_text_promises_anything() {
        let store = Error::store("a file: disk full");
        assert!(store.to_string().ends_with("no money moved"));
        assert_eq!(
            store.without_promise(),
            "the payment journal cannot be used: a file: disk full"
        );
        let failed = Error::PaidWithoutProof {
            payment_hash: PaymentHash::from_bytes([7; 32]),
        };
        assert_eq!(failed.without_promise(), failed.to_string());
    }

    #[test]
    fn what_may_have_cost_money_never_says_otherwise() {
        let payment_hash = PaymentHash::from_bytes([7; 32]);
        for error in [
            Error::PaidWithoutProof { payment_hash },
            Error::PaymentUnknown {
                payment_hash,
                reason: "silence".into(),
            },
            Error::PaidButFailed {
                payment_hash,
                status: Some(500),
                reason: "status 500".into(),
                retry_same_token: true,
            },
        ] {
            assert!(!error.no_money_moved() && !error.to_string().contains("no money moved"));
        }
    }
}
