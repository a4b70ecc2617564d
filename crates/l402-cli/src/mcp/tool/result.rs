//! The structured results of the tools, and the line of text that goes with each.

use l402::{Msat, PaymentHash, UnixTime};
use l402_client::Error;
use serde_json::{Value, json};

use super::answer::{ToolAnswer, Waiting};
use crate::error::CliError;

/// The outcome of a call that may pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Failed,
    Free,
    Paid,
    Pending,
    Refused,
    Served,
    WaitingForApproval,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Free => "free",
            Self::Paid => "paid",
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::Served => "served",
            Self::WaitingForApproval => "waiting_for_approval",
        }
    }
}

/// A payment in a result.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) hash: PaymentHash,
    pub(super) amount: Msat,
    pub(super) fee: Msat,
    /// True if this call paid nothing.
    pub(super) reused: bool,
    /// In hexadecimal, if the operator shows secrets.
    pub(super) preimage: Option<String>,
}

impl Payment {
    fn to_json(&self) -> Value {
        let mut json = json!({
            "amount_msat": self.amount.msat(),
            "amount_sat": self.amount.ceil_sat(),
            "fee_msat": self.fee.msat(),
            "payment_hash": self.hash.to_string(),
            "reused": self.reused,
        });
        if let Some(preimage) = &self.preimage {
            json["preimage"] = json!(preimage);
        }
        json
    }

    /// Returns what was paid, for a line of text.
    fn line(&self) -> String {
        let Self {
            amount, fee, hash, ..
        } = self;
        if self.reused {
            format!(
                "paid nothing now; an earlier payment of {amount} (fee {fee}, payment hash {hash}) was used"
            )
        } else {
            format!("paid {amount}, fee {fee}, payment hash {hash}")
        }
    }
}

/// The result of a paying tool, before it has its form.
#[derive(Clone, Debug)]
pub(super) struct PayingResult {
    pub(super) outcome: Outcome,
    pub(super) payment: Option<Payment>,
    /// The payment that it is about, if that is known and `payment` is not.
    pub(super) payment_hash: Option<PaymentHash>,
    pub(super) replayed: bool,
    pub(super) paid_at: Option<UnixTime>,
    pub(super) error: Option<Value>,
    pub(super) is_error: bool,
    pub(super) waiting: Option<Waiting>,
    pub(super) notes: Vec<String>,
    /// The part of the line behind the payment.
    pub(super) line: String,
}

impl PayingResult {
    /// Returns a result that says no more than its outcome.
    pub(super) fn new(outcome: Outcome, line: impl Into<String>) -> Self {
        Self {
            outcome,
            payment: None,
            payment_hash: None,
            replayed: false,
            paid_at: None,
            error: None,
            is_error: false,
            waiting: None,
            notes: Vec::new(),
            line: line.into(),
        }
    }

    /// Returns the result of arguments that cannot be read.
    pub(super) fn bad_arguments(message: &str) -> Self {
        let error = argument_fault(message);
        Self {
            error: Some(error),
            is_error: true,
            ..Self::new(Outcome::Refused, format!("{message}; nothing was paid"))
        }
    }

    /// Returns the result of a refusal of our own. Nothing was paid.
    pub(super) fn refused(code: &str, message: &str, hint: &str) -> Self {
        Self {
            error: Some(fault(code, message, Some(hint))),
            ..Self::new(
                Outcome::Refused,
                format!("{message}; nothing was paid. {hint}"),
            )
        }
    }

    /// Returns the result of a call that could not be begun. Nothing was paid.
    pub(super) fn of_cli(error: &CliError) -> Self {
        Self {
            error: Some(fault(error.code(), &error.to_string(), error.hint())),
            is_error: true,
            ..Self::new(Outcome::Failed, error.to_string())
        }
    }

    /// Returns the result of an error of the client.
    pub(super) fn of_error(error: &Error) -> Self {
        let outcome = outcome_of(error);
        let hint = hint_of(error);
        let text = l402::text::escape_within(&error.to_string(), 1000);
        let line = hint.map_or_else(|| text.clone(), |hint| format!("{text}. {hint}"));
        Self {
            payment_hash: hash_of(error),
            error: Some(json!({
                "code": error.code(),
                "message": text,
                "hint": hint,
                "limit": limit_of(error),
            })),
            // Pending and refused are no failures of the tool.
            is_error: matches!(outcome, Outcome::Failed | Outcome::Paid),
            ..Self::new(outcome, line)
        }
    }

    /// Returns the result of a payment that is under way and took longer than the call could wait.
    pub(super) fn pending(hash: PaymentHash, by: &str) -> Self {
        let text = format!(
            "pending: payment {hash} may still go through. Do not retry and do not pay by other means; \
             call {by} with this payment_hash in a minute"
        );
        let hint = format!("do not retry; call {by}");
        Self {
            payment_hash: Some(hash),
            error: Some(fault(
                "pending",
                "the payment may still go through",
                Some(&hint),
            )),
            ..Self::new(Outcome::Pending, text)
        }
    }

    /// Returns the answer of the tool: with `more`, the fields that are its own.
    pub(super) fn answer(self, more: Value) -> ToolAnswer {
        let hash = self.payment.as_ref().map(|payment| payment.hash);
        let mut structured = json!({
            "outcome": self.outcome.name(),
            "payment": self.payment.as_ref().map(Payment::to_json),
            "payment_hash": hash.or(self.payment_hash).map(|hash| hash.to_string()),
            "replayed": self.replayed,
            "paid_at": self.paid_at.map(UnixTime::to_rfc3339),
            "approval": self.waiting.as_ref().map(|waiting| waiting.approval),
            "error": self.error,
            "notes": self.notes,
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut structured, more) {
            all.extend(more);
        }
        let mut parts: Vec<_> = self.payment.iter().map(Payment::line).collect();
        parts.extend((!self.line.is_empty()).then_some(self.line));
        parts.extend(self.notes);
        ToolAnswer {
            structured,
            line: parts.join("; "),
            is_error: self.is_error,
            parts: Vec::new(),
            waiting: self.waiting,
        }
    }
}

/// Returns an error for a structured result.
pub(super) fn fault(code: &str, message: &str, hint: Option<&str>) -> Value {
    json!({ "code": code, "message": message, "hint": hint, "limit": null })
}

/// Returns the error of arguments that do not fit the schema of a tool.
pub(super) fn argument_fault(message: &str) -> Value {
    fault(
        "invalid_arguments",
        message,
        Some("see the schema of the tool"),
    )
}

/// Returns the error of a wallet, whose words may be anybody's.
pub(super) fn wallet_fault(error: &dyn std::fmt::Display, hint: Option<&str>) -> Value {
    let message = l402::text::escape_within(&error.to_string(), 300);
    fault("wallet", &message, hint)
}

/// Returns the words of an error, for the line of a result.
pub(super) fn message_of(fault: &Value) -> String {
    fault["message"].as_str().unwrap_or_default().to_owned()
}

/// Returns the answer of a tool that pays nothing: its fields, all of which are null if there is an error.
pub(super) fn plain(fields: Value, line: String, notes: Vec<String>) -> ToolAnswer {
    let mut structured = fields;
    structured["notes"] = json!(notes);
    if structured.get("error").is_none() {
        structured["error"] = Value::Null;
    }
    let is_error = !structured["error"].is_null();
    ToolAnswer {
        structured,
        line: [vec![line], notes].concat().join("; "),
        is_error,
        parts: Vec::new(),
        waiting: None,
    }
}

/// Returns the error of the program for a structured result.
pub(super) fn cli_fault(error: &CliError) -> Value {
    fault(error.code(), &error.to_string(), error.hint())
}

/// Returns the error of the client for a structured result.
pub(super) fn client_fault(error: &Error) -> Value {
    let text = l402::text::escape_within(&error.to_string(), 1000);
    let mut fault = fault(error.code(), &text, hint_of(error));
    fault["limit"] = limit_of(error);
    fault
}

fn outcome_of(error: &Error) -> Outcome {
    match error {
        Error::Declined | Error::OverBudget { .. } | Error::Refused { .. } => Outcome::Refused,
        Error::PaidButFailed { .. } | Error::PaidWithoutProof { .. } => Outcome::Paid,
        Error::PaymentUnknown { .. } => Outcome::Pending,
        // Before any money moves: no answer, no wallet, no journal, or a payment that failed for certain.
        _ if error.no_money_moved() => Outcome::Failed,
        // Kinds that the library adds, until they are known here: nobody may pay again.
        _ => Outcome::Pending,
    }
}

/// Returns the payment that an error is about.
fn hash_of(error: &Error) -> Option<PaymentHash> {
    match error {
        Error::PaidButFailed { payment_hash, .. }
        | Error::PaidWithoutProof { payment_hash }
        | Error::PaymentUnknown { payment_hash, .. } => Some(*payment_hash),
        _ => None,
    }
}

/// Returns the limit that said no: which, how much is spent of it, and when it frees.
fn limit_of(error: &Error) -> Value {
    let Error::OverBudget {
        limit,
        which,
        spent,
        frees,
        ..
    } = error
    else {
        return Value::Null;
    };
    json!({
        "which": which.name(),
        "limit_msat": limit.msat(),
        "spent_msat": spent.msat(),
        "left_msat": limit.checked_sub(*spent).unwrap_or(Msat::ZERO).msat(),
        "frees": frees.map(UnixTime::to_rfc3339),
    })
}

/// Returns the next step of a model, if there is one that helps.
fn hint_of(error: &Error) -> Option<&'static str> {
    use l402_client::Refused;
    Some(match error {
        Error::Busy { .. } => "wait for the other payment at this URL, then repeat the same call",
        Error::OverBudget { frees: Some(_), .. } => {
            "wait until the limit frees, or ask your user; no tool raises a limit"
        }
        Error::OverBudget { .. } => {
            "raise max_cost_sat if you set it; else ask your user; no tool raises a limit"
        }
        Error::PaidButFailed {
            retry_same_token: true,
            ..
        } => "it is paid: call l402_resume with the payment_hash, which pays nothing",
        Error::PaidButFailed { .. } | Error::PaidWithoutProof { .. } => {
            "do not buy there again; tell your user the payment_hash"
        }
        Error::PaymentFailed { .. } => "nothing was paid; get_balance shows what you can spend",
        Error::PaymentRequired(_) | Error::Wallet { .. } => {
            "the wallet cannot pay now; ask your user to check it"
        }
        Error::PaymentUnknown { .. } => {
            "do not retry and do not pay by other means; call l402_resume or lookup_payment with the \
             payment_hash in a minute"
        }
        Error::Refused { reason, .. } => match reason {
            Refused::AuthorizationTaken => "leave out the header authorization",
            Refused::BudgetStopped => "a person has stopped the payments of this agent",
            Refused::InvoiceExpired => "ask for a new invoice, or repeat the call",
            Refused::OwnAddress | Refused::PrivateAddress => {
                "this address is not for you; do not try other spellings of it"
            }
            Refused::PayeeChanged => "another node than before asks for money; ask your user",
            Refused::RedirectedAcrossOrigins => "call with the other URL itself, if you mean to",
            Refused::SellerStopped => "the seller took money for nothing; ask your user",
            Refused::WrongNetwork => "the invoice is for another network than the wallet's",
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use l402_client::BudgetLimit;

    use super::*;

    #[test]
    fn an_unknown_outcome_is_pending_and_never_failed() {
        let hash = PaymentHash::from_bytes([7; 32]);
        let error = Error::PaymentUnknown {
            payment_hash: hash,
            reason: "silence".into(),
        };
        let result = PayingResult::of_error(&error);
        assert_eq!((result.outcome, result.is_error), (Outcome::Pending, false));
        let answer = result.answer(json!({}));
        assert_eq!(answer.structured["payment_hash"], hash.to_string());
        assert!(answer.line.contains("do not retry"), "{}", answer.line);
    }

    #[test]
    fn a_refusal_tells_the_limit_and_when_it_frees() {
        let error = Error::OverBudget {
            cost: Msat::from_sat(60),
            limit: Msat::from_sat(50),
            which: BudgetLimit::PerDay,
            budget: Some("robot".into()),
            spent: Msat::from_sat(45),
            frees: Some(UnixTime::from_secs(4_107_542_400)),
        };
        let answer = PayingResult::of_error(&error).answer(json!({}));
        assert_eq!(
            answer.structured["error"]["limit"],
            json!({
                "which": "per_day", "limit_msat": 50_000, "spent_msat": 45_000, "left_msat": 5000,
                "frees": "2100-03-01T00:00:00Z",
            })
        );
        assert_eq!(answer.structured["outcome"], "refused");
        assert!(!answer.is_error);
    }

    #[test]
    fn the_line_begins_with_what_was_paid() {
        let payment = Payment {
            hash: PaymentHash::from_bytes([7; 32]),
            amount: Msat::from_sat(50),
            fee: Msat::new(1500),
            reused: false,
            preimage: None,
        };
        let result = PayingResult {
            payment: Some(payment),
            ..PayingResult::new(Outcome::Served, "200 from api.example")
        };
        let answer = result.answer(json!({}));
        let hash = "07".repeat(32);
        let line = format!("paid 50 sat, fee 1500 msat, payment hash {hash}; 200 from api.example");
        assert_eq!(answer.line, line);
        assert_eq!(answer.structured["payment"]["amount_sat"], 50);
    }
}
