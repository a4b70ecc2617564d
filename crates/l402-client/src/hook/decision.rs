//! The trait of a hook, and its decision.

use l402::Msat;
use l402_host::BoxFuture;

use super::Proposal;

/// The longest answer of a hook that is read: 64 KiB.
pub(super) const ANSWER_MAX: usize = 64 * 1024;

/// A hook, asked about each payment after the limits allowed it and before the wallet is asked.
///
/// An implementation that allows without a look leaves the limits as the only guard. It must not
/// block the thread, and is stopped after three seconds, which counts as a denial; so does a panic.
///
/// ```
/// use l402::Msat;
/// use l402_client::hook::{Decision, PaymentHook, Proposal};
/// use l402_host::BoxFuture;
///
/// /// Pays small prices only.
/// struct Small;
///
/// impl PaymentHook for Small {
///     fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision> {
///         let is_small = proposal.amount <= Msat::from_sat(10);
///         Box::pin(async move {
///             if is_small {
///                 Decision::allow()
///             } else {
///                 Decision::deny("too_dear", "more than 10 sat")
///             }
///         })
///     }
/// }
/// ```
pub trait PaymentHook: Send + Sync {
    /// Decides about one payment. Whatever is no clear permission must be a denial.
    fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision>;
}

/// The decision of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The payment may be made.
    #[non_exhaustive]
    Allow {
        /// The most that it may cost, fee included. A cost above it is a denial.
        max: Option<Msat>,
    },
    /// The payment is not made.
    #[non_exhaustive]
    Deny {
        /// A short code, for programs. Of any characters: it is escaped where it is shown.
        code: String,
        /// A text, for people. Of any characters, too.
        message: String,
    },
}

impl Decision {
    /// Returns a permission for any cost within the limits.
    #[must_use]
    pub const fn allow() -> Self {
        Self::Allow { max: None }
    }

    /// Returns a permission for a cost of at most `max`, fee included.
    #[must_use]
    pub const fn allow_up_to(max: Msat) -> Self {
        Self::Allow { max: Some(max) }
    }

    /// Returns a denial.
    #[must_use]
    pub fn deny(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Deny {
            code: code.into(),
            message: message.into(),
        }
    }

    /// Returns the denial for a hook that gave no valid answer.
    pub(crate) fn no_answer(why: impl Into<String>) -> Self {
        Self::deny("hook_failed", why)
    }

    /// Holds a permission against the cost of the payment, fee included.
    pub(crate) fn within(self, cost: Msat) -> Self {
        match self {
            Self::Allow { max: Some(max) } if max < cost => {
                let text = format!("it allows {max}, and the payment may cost {cost} with its fee");
                Self::deny("over_max", text)
            }
            decision => decision,
        }
    }
}
