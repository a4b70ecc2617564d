//! The line that says what became of the payment behind an answer, as far as the server tells.

use l402_client::{Receipt, UseOutcome};

use crate::text::when::utc;

/// Returns the line about the use of a payment, or `None` if there is nothing to say.
pub(super) fn use_line(status: u16, receipt: &Receipt, is_used_up: bool) -> Option<String> {
    let report = receipt.use_report;
    if status >= 400 {
        let hash = receipt.payment_hash;
        let of_payment = after_error(receipt, is_used_up);
        return Some(format!(
            "the server answered {status}; {of_payment} ({hash})"
        ));
    }
    let left = report.and_then(|report| report.uses_left).map(uses_left);
    let until = report
        .filter(|report| report.uses_left.is_none())
        .and_then(|report| report.expires);
    let until = until.map(|until| format!("good until {} UTC", utc(until)));
    match (receipt.reused, left.or(until)) {
        (true, Some(rest)) => Some(format!(
            "nothing was paid, an earlier payment covers it; {rest}"
        )),
        (true, None) => Some("nothing was paid, an earlier payment covers it".to_owned()),
        // Of a single use there is nothing left to tell.
        (false, Some(rest)) if rest != uses_left(0) => Some(rest),
        (false, _) => None,
    }
}

/// Returns what became of a payment that was answered with an error, and the next step.
pub(super) fn after_error(receipt: &Receipt, is_used_up: bool) -> &'static str {
    if is_used_up {
        return "a redirect has used the payment up: running it again pays again";
    }
    match receipt.use_report.map(|report| report.outcome) {
        Some(UseOutcome::Kept) => {
            "the payment is unused: the same command again, or another that it covers, uses it and \
             does not pay twice"
        }
        Some(UseOutcome::Spent) if has_more(receipt) => {
            "one use of the payment is spent: the same command again takes the next, and does not pay \
             again"
        }
        Some(UseOutcome::Spent) => "the use of the payment is spent: running it again pays again",
        _ => {
            "it is not known whether the use of the payment is spent; the same command again \
             presents it first and does not pay twice"
        }
    }
}

fn has_more(receipt: &Receipt) -> bool {
    let left = receipt.use_report.and_then(|report| report.uses_left);
    left.is_some_and(|left| left > 0)
}

fn uses_left(count: u64) -> String {
    match count {
        0 => "no use is left".to_owned(),
        1 => "1 use left".to_owned(),
        count => format!("{count} uses left"),
    }
}
