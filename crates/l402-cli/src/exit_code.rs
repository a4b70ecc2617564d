//! The exit statuses of the program, as a contract for scripts and agents.
//!
//! Numbers never change their meaning. `docs/exit-codes.md` is the same table for people; a test
//! holds the two together.

use core::fmt;

use l402_host::FileFault;

/// One exit status with its number, its stable name and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode {
    /// The number that the process ends with.
    pub number: u8,
    /// The stable name, as in the documentation.
    pub name: &'static str,
    /// The meaning, one sentence.
    pub meaning: &'static str,
}

impl ExitCode {
    /// Returns every exit status, in the order of the documentation.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        ALL
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.name)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number)
    }
}

// One list for the constants, their docs and the table, so that none of them can differ.
macro_rules! exit_codes {
    ($($name:ident = $number:literal $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: ExitCode =
                ExitCode { number: $number, name: stringify!($name), meaning: $meaning };
        )*
        const ALL: &[ExitCode] = &[$($name),*];
    };
}

exit_codes! {
    OK = 0 "Done.";
    INTERNAL = 1 "A fault of the program itself.";
    PAYMENT_REQUIRED = 10 "The server asks for money and no wallet was given; no money moved.";
    OVER_BUDGET = 11 "The request would cost more than a limit allows; no money moved.";
    DECLINED = 12 "The question whether to pay was answered with no; no money moved.";
    PAYMENT_FAILED = 13 "The payment failed for certain; no money moved.";
    PAYMENT_UNKNOWN = 14 "Nobody knows yet whether the payment went through; the next run asks again and pays nothing twice.";
    PAID_NO_ANSWER = 15 "Paid, and the answer was not had; the credential is kept for the next run.";
    PAID_WITHOUT_PROOF = 16 "The wallet says paid, and what it gave does not prove it; kept in the journal for a claim.";
    WALLET_UNAVAILABLE = 17 "The wallet cannot be asked.";
    NOT_WELL_FORMED = 18 "The doctor found an answer that is not a well-formed challenge.";
    PAID_REFUSED = 19 "Paid, and the server refused the credential for good; running it again would pay again.";
    RATE_LIMITED = 20 "The server answered 429, too many requests, and the time of -m does not allow to wait; the text says how long.";
    NO_PRICE = 21 "A dry run, and the answer is neither free nor a price; nothing was paid.";
    HTTP_ERROR = 22 "The server answered 400 or above, and --fail was given.";
    ADDRESS_IN_USE = 23 "Another program listens on an address; nothing is served.";
    UNSAFE_FILE = 24 "A private file is open to others, is not a plain file, or belongs to another user; it is not used.";
    NEWER_FILE = 25 "A newer version of this program wrote a file; it is left as it is.";
    OTHER_LEDGER = 26 "The ledger does not go with the master key: it is new, older, or another's; nothing is served.";
    REGISTRY_REFUSED = 27 "The registry did not do what was asked: nothing to list, not the owner, or taken; nothing was changed there.";
    BOOKS_DIFFER = 28 "The books do not add up; the findings say where.";
    BOOKS_NOT_COMPARED = 29 "The books add up, and ledger or node could not be compared with them.";
    REFUSED = 30 "The challenge was refused for a reason that has no number of its own; no money moved.";
    REFUSED_AMOUNTLESS = 31 "The invoice has no amount; no money moved.";
    REFUSED_AMBIGUOUS = 32 "The challenge says two different things; no money moved.";
    REFUSED_CHALLENGE_TOO_LARGE = 33 "The challenge is too large; no money moved.";
    REFUSED_INSECURE_ORIGIN = 34 "The credential would travel over plain HTTP to another machine; no money moved.";
    REFUSED_INVOICE_EXPIRED = 35 "The invoice has expired, or is about to; no money moved.";
    REFUSED_INVOICE_MALFORMED = 36 "The invoice is not BOLT 11, or needs an unknown feature; no money moved.";
    REFUSED_INVOICE_SIGNATURE = 37 "The invoice's signature does not hold; no money moved.";
    REFUSED_INVOICE_FROM_FUTURE = 38 "The invoice is dated more than five minutes ahead; no money moved.";
    REFUSED_NOTHING_PAYABLE = 39 "The answer is a 402 without anything that can be paid; no money moved.";
    REFUSED_REDIRECTED = 40 "A redirect led to another origin that asks for money, or that would get the body; no money moved.";
    REFUSED_CHALLENGE_MALFORMED = 41 "The challenge is incomplete or holds forbidden characters; no money moved.";
    REFUSED_WRONG_AMOUNT = 42 "An amount beside the invoice is not the invoice's; no money moved.";
    REFUSED_WRONG_HASH = 43 "The token is about another payment than the invoice; no money moved.";
    REFUSED_WRONG_NETWORK = 44 "The invoice is for another network than the wallet's; no money moved.";
    REFUSED_CREDENTIAL_GIVEN = 45 "The request already holds a credential of L402; no money moved.";
    REFUSED_AUTHORIZATION_TAKEN = 46 "The request has an Authorization of its own, and the server does not read L402-Credential; no money moved.";
    REFUSED_OWN_ADDRESS = 47 "The address is one of the caller's own wallet; no money moved.";
    REFUSED_SELLER_STOPPED = 48 "The seller has taken money for nothing within a day, and --yes was not given; no money moved.";
    REFUSED_BUDGET_STOPPED = 49 "The budget is stopped; no money moved.";
    REFUSED_BY_HOOK = 50 "The hook of client.toml denied the payment, or gave no valid answer in time; no money moved.";
    REFUSED_PAYEE_CHANGED = 51 "The invoice is signed by another node than earlier ones of this server; no money moved.";
    REFUSED_PRIVATE_ADDRESS = 52 "A name or a redirect led to a private address that nobody named; no money moved.";
    REFUSED_UNVERIFIED_SERVER = 53 "The server's certificate is not verified, because of -k, and --yes was not given; no money moved.";
    REFUSED_NOT_OPERATOR = 54 "The operator's passphrase is needed, and it was not given or is wrong; nothing was changed and no money moved.";
    USAGE = 64 "The command line cannot be understood.";
    UNAVAILABLE = 69 "The server cannot be reached or does not answer in time.";
    LOCAL_IO = 74 "A local file, such as journal, ledger, receipt or output, cannot be read or written.";
    GATEWAY_REFUSED = 77 "The gateway refused what its operator asked; nothing was changed.";
    CONFIGURATION = 78 "The configuration is wrong; nothing was bound.";
    INTERRUPTED = 130 "Ended by Ctrl-C before anything was paid; no money moved.";
    TERMINATED = 143 "Ended by SIGTERM before anything was paid; no money moved.";
}

/// Returns exit status and stable code for a file that cannot be used.
pub(crate) fn of_file(fault: &FileFault) -> (ExitCode, &'static str) {
    match fault {
        FileFault::Newer { .. } => (NEWER_FILE, "newer_file"),
        fault if fault.is_unsafe() => (UNSAFE_FILE, "unsafe_file"),
        _ => (LOCAL_IO, "local_io"),
    }
}

/// The exit status of each reason to refuse a challenge.
// A table and no `match`: `Refused` may grow, so a `match` would need a wildcard, which hides what
// is missing. A test goes through `Refused::ALL` instead.
#[cfg(feature = "buy")]
const REFUSALS: &[(l402_client::Refused, ExitCode)] = {
    use l402_client::Refused;
    &[
        (Refused::Amountless, REFUSED_AMOUNTLESS),
        (Refused::Ambiguous, REFUSED_AMBIGUOUS),
        (Refused::ChallengeTooLarge, REFUSED_CHALLENGE_TOO_LARGE),
        (Refused::InsecureOrigin, REFUSED_INSECURE_ORIGIN),
        (Refused::InvoiceExpired, REFUSED_INVOICE_EXPIRED),
        (Refused::InvoiceMalformed, REFUSED_INVOICE_MALFORMED),
        (Refused::InvoiceSignature, REFUSED_INVOICE_SIGNATURE),
        (Refused::InvoiceFromFuture, REFUSED_INVOICE_FROM_FUTURE),
        (Refused::NothingPayable, REFUSED_NOTHING_PAYABLE),
        (Refused::RedirectedAcrossOrigins, REFUSED_REDIRECTED),
        (Refused::ChallengeMalformed, REFUSED_CHALLENGE_MALFORMED),
        (Refused::WrongAmount, REFUSED_WRONG_AMOUNT),
        (Refused::WrongHash, REFUSED_WRONG_HASH),
        (Refused::WrongNetwork, REFUSED_WRONG_NETWORK),
        (Refused::CredentialGiven, REFUSED_CREDENTIAL_GIVEN),
        (Refused::SellerStopped, REFUSED_SELLER_STOPPED),
        (Refused::OwnAddress, REFUSED_OWN_ADDRESS),
        (Refused::AuthorizationTaken, REFUSED_AUTHORIZATION_TAKEN),
        (Refused::BudgetStopped, REFUSED_BUDGET_STOPPED),
        (Refused::DeniedByHook, REFUSED_BY_HOOK),
        (Refused::PayeeChanged, REFUSED_PAYEE_CHANGED),
        (Refused::PrivateAddress, REFUSED_PRIVATE_ADDRESS),
        (Refused::UnverifiedServer, REFUSED_UNVERIFIED_SERVER),
    ]
};

/// Returns the exit status of one reason to refuse a challenge, or [`REFUSED`] for a reason without a
/// number of its own.
#[cfg(feature = "buy")]
#[must_use]
pub fn of_refusal(reason: l402_client::Refused) -> ExitCode {
    REFUSALS
        .iter()
        .find(|(known, _)| *known == reason)
        .map_or(REFUSED, |(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_unique() {
        let numbers: HashSet<_> = ExitCode::all().iter().map(|code| code.number).collect();
        let names: HashSet<_> = ExitCode::all().iter().map(|code| code.name).collect();
        assert_eq!(numbers.len(), ExitCode::all().len());
        assert_eq!(names.len(), ExitCode::all().len());
    }

    #[cfg(feature = "buy")]
    #[test]
    fn every_refusal_has_a_number_of_its_own_and_says_that_no_money_moved() {
        let mut seen = HashSet::new();
        assert!(!l402_client::Refused::ALL.is_empty());
        for reason in l402_client::Refused::ALL {
            let code = of_refusal(*reason);
            assert_ne!(code, REFUSED, "{reason:?}");
            assert!(seen.insert(code.number), "{reason:?}");
            assert!(code.meaning.contains("no money moved"), "{reason:?}");
        }
    }
}
