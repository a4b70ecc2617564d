//! The reason that a command ended: exit status, stable code, text, and a hint at the fix.

use core::fmt;

use serde_json::{Value, json};

use crate::exit_code::{self, ExitCode};

/// The reason that a command failed: exit status, stable code, text, and a hint.
#[derive(Debug)]
pub struct CliError {
    exit: ExitCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
    no_money_moved: bool,
    /// Further fields of the JSON, for errors that have some.
    details: Option<Box<Value>>,
}

impl CliError {
    /// Makes an error that moved no money. The code is for machines; the message is a lower-case
    /// fragment.
    #[must_use]
    pub fn new(exit: ExitCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: None,
            no_money_moved: true,
            details: None,
        }
    }

    /// Makes the error for a local file that cannot be read or written.
    #[must_use]
    pub fn local_io(message: impl Into<String>) -> Self {
        Self::new(exit_code::LOCAL_IO, "local_io", message)
    }

    /// Makes the error for a command line that cannot be understood.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit_code::USAGE, "usage", message)
    }

    /// Makes the error for a fault of the program itself.
    #[must_use]
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(exit_code::INTERNAL, "internal", message.to_string())
    }

    /// Adds fields to the JSON: an object.
    #[cfg(feature = "sell")]
    #[must_use]
    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Adds a hint at the next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the documented words where no money moved and the text does not say so yet. For every
    /// error of a command that may pay.
    #[cfg(feature = "buy")]
    #[must_use]
    pub(crate) fn with_promise(mut self) -> Self {
        const WORDS: &str = "no money moved";
        if self.no_money_moved && !self.message.contains(WORDS) {
            self.message = format!("{}; {WORDS}", self.message);
        }
        self
    }

    /// Marks the error as one before which money may have moved.
    #[must_use]
    pub const fn after_money_moved(mut self) -> Self {
        self.no_money_moved = false;
        self
    }

    /// Returns true if it is certain that this run moved no money.
    #[cfg(feature = "buy")]
    pub(crate) const fn no_money_moved(&self) -> bool {
        self.no_money_moved
    }

    /// Returns the stable code, for machines.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the hint at the next step, if anything is known to help.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the exit status of the process.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        self.exit
    }

    /// Returns true if the error has to do with money. Such an error is shown even with `--silent`.
    #[must_use]
    pub fn is_about_money(&self) -> bool {
        // By ranges of numbers: 10 to 17 are about payments, 30 to 45 about challenges that are refused.
        !self.no_money_moved
            || (exit_code::PAYMENT_REQUIRED.number..exit_code::NOT_WELL_FORMED.number)
                .contains(&self.exit.number)
            || (exit_code::REFUSED.number..exit_code::USAGE.number).contains(&self.exit.number)
    }

    /// Returns the error as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "error": self.code,
            "message": self.to_string(),
            "exit_code": self.exit.number,
            "no_money_moved": self.no_money_moved,
            "hint": self.hint,
        });
        let details = self.details.as_deref();
        if let (Value::Object(json), Some(Value::Object(details))) = (&mut json, details) {
            json.extend(details.clone());
        }
        json
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

#[cfg(feature = "buy")]
impl From<l402_client::Error> for CliError {
    fn from(error: l402_client::Error) -> Self {
        Self {
            exit: exit_of(&error),
            code: error.code(),
            message: l402::text::escape(&error.to_string()),
            hint: hint_of(&error),
            no_money_moved: error.no_money_moved(),
            details: details_of(&error),
        }
    }
}

/// Returns what a program needs to act on an error, beside its code.
#[cfg(feature = "buy")]
fn details_of(error: &l402_client::Error) -> Option<Box<Value>> {
    let l402_client::Error::OverBudget {
        cost,
        limit,
        which,
        budget,
        spent,
        frees,
    } = error
    else {
        return None;
    };
    Some(Box::new(json!({
        "limit": limit.to_string(),
        "which": which.name(),
        "budget": budget,
        "cost_msat": cost.msat(),
        "spent_msat": spent.msat(),
        "limit_msat": limit.msat(),
        "frees": frees.map(l402::UnixTime::to_rfc3339),
    })))
}

#[cfg(feature = "buy")]
fn exit_of(error: &l402_client::Error) -> ExitCode {
    use l402_client::Error;
    match error {
        // Nothing came in time, as with a server that does not answer.
        Error::Busy { .. } => exit_code::UNAVAILABLE,
        Error::Declined => exit_code::DECLINED,
        Error::OverBudget { .. } => exit_code::OVER_BUDGET,
        Error::PaymentFailed { .. } => exit_code::PAYMENT_FAILED,
        Error::PaymentUnknown { .. } => exit_code::PAYMENT_UNKNOWN,
        Error::PaidButFailed {
            retry_same_token: true,
            ..
        } => exit_code::PAID_NO_ANSWER,
        Error::PaidButFailed { .. } => exit_code::PAID_REFUSED,
        Error::PaidWithoutProof { .. } => exit_code::PAID_WITHOUT_PROOF,
        Error::PaymentRequired(_) => exit_code::PAYMENT_REQUIRED,
        Error::Refused { reason, .. } => exit_code::of_refusal(*reason),
        Error::Body { .. } | Error::Store { .. } => exit_code::LOCAL_IO,
        Error::Transient { .. } | Error::Transport { .. } => exit_code::UNAVAILABLE,
        Error::UnknownBudget { .. } => exit_code::USAGE,
        Error::Wallet { .. } => exit_code::WALLET_UNAVAILABLE,
        // The library may add kinds. Until they are known here, they count as a fault of the program.
        _ => exit_code::INTERNAL,
    }
}

#[cfg(feature = "buy")]
fn hint_of(error: &l402_client::Error) -> Option<String> {
    use l402_client::{BudgetLimit, Error};
    // Each hint is a next step that cannot pay twice.
    let hint = match error {
        Error::Busy { .. } => {
            "run the same command again once the other purchase has ended; -m says how long to wait"
        }
        Error::OverBudget {
            which,
            budget: Some(name),
            ..
        } => {
            let flag = which.name().replace('_', "-");
            return Some(format!(
                "`l402 budget show {name}` shows what was spent, and `l402 budget set {name} --{flag} \
                 \"AMOUNT sat\"` raises the limit"
            ));
        }
        Error::OverBudget {
            which: BudgetLimit::PerDay,
            ..
        } => {
            "raise the limit of 24 hours with --max-per-day \"AMOUNT sat\", or wait; \
             `l402 payments` lists what was spent"
        }
        Error::OverBudget { .. } => {
            "raise the limit of one request with --max-price \"AMOUNT sat\" (fees count); \
             --dry-run shows the price"
        }
        Error::PaymentUnknown { .. } => {
            "do not pay again by other means: run the same command later, it looks the payment up \
             and goes on; `l402 payments` lists it"
        }
        Error::PaidButFailed {
            retry_same_token: true,
            ..
        } => "run the same command again: it uses what was paid for and does not pay twice",
        Error::PaidButFailed { .. } => {
            "`l402 payments --state refused` shows the payment, for a claim to the seller; one who \
             took money for nothing is paid nothing more within a day, unless --yes is given"
        }
        Error::PaidWithoutProof { .. } => {
            "`l402 payments` shows the payment, for a claim to the wallet's maker"
        }
        Error::PaymentFailed { .. } => "`l402 wallet balance` shows what the wallet can spend",
        Error::Refused { reason, .. } => hint_of_refusal(*reason),
        Error::Transient { .. } | Error::Transport { .. } => {
            "check the address, and that the server is running"
        }
        Error::UnknownBudget { name, .. } => {
            return Some(format!(
                "`l402 budget set {name} --per-day \"AMOUNT sat\"` makes it"
            ));
        }
        Error::Wallet { .. } => return Some(crate::text::node_form::wallet_hint()),
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns the next step after a challenge that was refused.
#[cfg(feature = "buy")]
fn hint_of_refusal(reason: l402_client::Refused) -> &'static str {
    use l402_client::Refused;
    match reason {
        Refused::AuthorizationTaken => {
            "without -u, -n or a header Authorization of your own it can be paid; with it, the seller \
             must read L402-Credential, as `l402 serve` does"
        }
        Refused::InsecureOrigin => {
            "use https, or --danger-plain-http if everybody on the way may use what you buy"
        }
        Refused::SellerStopped => {
            "--yes buys there all the same; `l402 payments` shows what was paid for nothing"
        }
        Refused::UnverifiedServer => {
            "--cacert FILE trusts the server's own certificate; --yes pays all the same, whoever it is"
        }
        Refused::DeniedByHook => {
            "client.toml in the home folder names the hook; its keeper knows why it said no"
        }
        Refused::PayeeChanged => {
            "a seller may have moved to another node; ask it, then --yes pays there, or a terminal asks"
        }
        Refused::PrivateAddress => {
            "name what you mean to reach with --allow-address, a host or a network such as 10.0.0.0/8"
        }
        Refused::BudgetStopped => {
            "`l402 budget show` says which is stopped, and `l402 budget resume NAME` ends that"
        }
        Refused::OwnAddress => {
            "use `l402 wallet`, or curl: this command keeps a journal of all that it pays"
        }
        Refused::RedirectedAcrossOrigins => {
            "look at the redirect without -L, and ask the other origin by its own URL"
        }
        Refused::InvoiceFromFuture => {
            "one of two clocks is wrong: compare `date -u` here with the time of another machine"
        }
        Refused::InvoiceExpired => {
            "ask again; if every invoice has expired, compare `date -u` with another machine"
        }
        _ => "`l402 doctor URL` shows what the server answers, rule by rule",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_what_a_script_asks_for() {
        let error = CliError::usage("no url").with_hint("give one");
        let json = error.to_json();
        assert_eq!(json["error"], "usage");
        assert_eq!(json["exit_code"], 64);
        assert_eq!(json["no_money_moved"], true);
        assert_eq!(json["hint"], "give one");
        assert_eq!(
            CliError::internal("x").after_money_moved().to_json()["no_money_moved"],
            false
        );
    }

    #[test]
    fn silence_never_hides_an_error_about_money() {
        let code = |exit| CliError::new(exit, "x", "x");
        assert!(code(exit_code::PAYMENT_REQUIRED).is_about_money());
        assert!(code(exit_code::PAYMENT_UNKNOWN).is_about_money());
        assert!(code(exit_code::REFUSED_WRONG_HASH).is_about_money());
        assert!(CliError::local_io("x").after_money_moved().is_about_money());
        assert!(!code(exit_code::UNAVAILABLE).is_about_money());
        assert!(!code(exit_code::HTTP_ERROR).is_about_money());
    }
}
