//! Results of calls that did not do what was asked, in the form of the other wallet.

use serde_json::{Map, Value, json};

use super::profile::Profile;
use crate::mcp::tool::Answer;

/// The words of every result that is pending.
pub(super) const DO_NOT_RETRY: &str = "Do NOT retry and do not pay by other means: the payment may still go \
    through. Call l402_resume with this payment_hash in a minute.";

/// The end of a call of a default tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It did what was asked.
    Done,
    /// It paid, and the answer is not here yet.
    Paid,
    /// The outcome of the payment is not known yet.
    Pending,
    /// A person has to approve.
    Waiting,
    /// It did not do it.
    Failed,
}

impl Ending {
    /// Returns how a call of a default tool ended.
    pub(super) fn of(answer: &Answer) -> Self {
        let outcome = answer.structured.get("outcome").and_then(Value::as_str);
        let has_error = answer
            .structured
            .get("error")
            .is_some_and(|it| !it.is_null());
        match outcome {
            _ if answer.waiting.is_some() => Self::Waiting,
            Some("waiting_for_approval") => Self::Waiting,
            Some("pending") => Self::Pending,
            Some("paid") if has_error => Self::Paid,
            _ if has_error || answer.is_error => Self::Failed,
            _ => Self::Done,
        }
    }
}

/// Returns the result of a call that failed.
pub(super) fn failed(profile: Profile, answer: &Answer) -> Map<String, Value> {
    let error = &answer.structured["error"];
    let message = error["message"].as_str().unwrap_or(&answer.line);
    let mut result = error_of(profile, message, error["hint"].as_str());
    if let Some(code) = error["code"].as_str() {
        result.insert("code".to_owned(), json!(code));
    }
    if let Some(limit) = error.get("limit").filter(|it| !it.is_null()) {
        let left = limit["left_msat"].as_u64().map(|left| left / 1000);
        if let (Profile::LightningWallet, Some(left)) = (profile, left) {
            result.insert("available".to_owned(), json!(left));
        }
        result.insert("limit".to_owned(), limit.clone());
    }
    result
}

/// Returns the result of a call that failed with these words.
pub(super) fn error_of(profile: Profile, message: &str, hint: Option<&str>) -> Map<String, Value> {
    let mut result = match profile {
        Profile::LightningWallet | Profile::LightningEnable => {
            object(json!({ "success": false, "error": message }))
        }
        Profile::Alby => object(json!({ "error": message })),
        Profile::Lnget => object(json!({ "error": true, "message": message })),
    };
    if let Some(hint) = hint {
        result.insert("hint".to_owned(), json!(hint));
    }
    result
}

/// Returns the result of a payment that is pending, or that is paid without an answer yet.
pub(super) fn unanswered(profile: Profile, answer: &Answer, is_paid: bool) -> Map<String, Value> {
    let hash = payment_hash(&answer.structured);
    let line = &answer.line;
    let what = if is_paid { "paid" } else { "pending" };
    let instruction = if is_paid {
        "Do NOT pay again: call l402_resume with this payment_hash to get the answer."
    } else {
        DO_NOT_RETRY
    };
    object(match profile {
        // In this form a pending payment is no error.
        Profile::LightningWallet => json!({
            "success": false, what: true, "payment_hash": hash, "error": line, "instruction": instruction,
        }),
        Profile::LightningEnable => json!({
            "success": false, "status": what, "trackingId": hash, "payment_hash": hash, "error": line,
            "message": instruction,
        }),
        Profile::Alby => json!({
            "state": what, "payment_hash": hash, "message": line, "instruction": instruction,
        }),
        Profile::Lnget => json!({
            "status": what, "payment_hash": hash, "message": line, "instruction": instruction,
        }),
    })
}

/// Returns the result of a call that waits for a person.
pub(super) fn waiting(profile: Profile, answer: &Answer) -> Map<String, Value> {
    let approval = answer.waiting.as_ref().map(|it| json!(it.approval));
    let approval = approval.unwrap_or_else(|| answer.structured["approval"].clone());
    let line = &answer.line;
    let instruction = "A person approves it with `l402 approve` or on the page. Repeat the very same call \
        afterwards; no argument approves it.";
    let mut result = match profile {
        Profile::LightningWallet => object(json!({
            "success": false, "error": line, "instruction": instruction,
        })),
        Profile::LightningEnable => object(json!({
            "success": false, "requiresConfirmation": true, "error": line, "message": instruction,
            "howToConfirm": "l402 approve",
        })),
        Profile::Alby | Profile::Lnget => object(json!({
            "message": line, "instruction": instruction,
        })),
    };
    result.insert("waiting_for_approval".to_owned(), json!(true));
    result.insert("approval".to_owned(), approval);
    result
}

fn payment_hash(result: &Value) -> Value {
    let at = |path: &str| result.pointer(path).filter(|it| !it.is_null());
    let hash = at("/payment_hash").or_else(|| at("/payment/payment_hash"));
    hash.cloned().unwrap_or(Value::Null)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
