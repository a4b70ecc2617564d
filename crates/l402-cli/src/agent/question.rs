//! The words for one payment that a person is asked about: the same at the terminal, on the page and in
//! what an agent's program shows.
//!
//! The layout is fixed: what is paid comes first, who gets it second, and no text that a stranger chose
//! has a line of its own. All of it is visible ASCII.

use l402::{Msat, UnixTime};
use l402_client::Approval;
use serde_json::{Value, json};

use crate::text::when;

/// The most characters of one field.
const FIELD_MAX: usize = 100;

/// The fields of a payment, in the order in which they are shown.
pub(super) fn fields(approval: &Approval, now: UnixTime) -> [(&'static str, String); 6] {
    let (age, left) = (now.since(approval.created), approval.expires.since(now));
    [
        ("Amount", amount(approval.amount)),
        (
            "Routing",
            format!("at most {} more", amount(approval.fee_limit)),
        ),
        ("Payee", plain(&approval.payee)),
        ("Host", host(approval)),
        (
            "Agent",
            format!("{}, by {}", approval.agent, plain(&approval.tool)),
        ),
        (
            "Asked",
            format!(
                "{} ago; {} left to decide",
                when::span(age),
                when::span(left)
            ),
        ),
    ]
}

/// Returns the words for a payment that waits, a field on each line.
pub(super) fn question(approval: &Approval, now: UnixTime) -> String {
    let lines = fields(approval, now).map(|(name, text)| format!("{name:<8} {text}\n"));
    format!(
        "Payment {} waits for approval\n{}",
        approval.id,
        lines.concat()
    )
}

/// Returns a payment that waits, for programs.
pub(super) fn value(approval: &Approval) -> Value {
    json!({
        "id": approval.id,
        "amount_msat": approval.amount.msat(),
        "fee_limit_msat": approval.fee_limit.msat(),
        "payee": plain(&approval.payee),
        "host": approval.origin.as_deref().map(plain),
        "agent": approval.agent.as_str(),
        "tool": plain(&approval.tool),
        "created": approval.created.secs(),
        "expires": approval.expires.secs(),
        "state": approval.state.name(),
    })
}

/// Returns an amount in satoshi, rounded up, with the millisatoshi behind it if it is none whole.
pub(super) fn amount(amount: Msat) -> String {
    let sat = amount.ceil_sat();
    if Msat::from_sat(sat) == amount {
        format!("{sat} sat")
    } else {
        format!("{sat} sat ({} msat)", amount.msat())
    }
}

/// Returns the server, or the words for a payment that has none.
pub(super) fn host(approval: &Approval) -> String {
    match &approval.origin {
        Some(origin) if !origin.starts_with("lightning:") => plain(origin),
        _ => "none: an invoice that belongs to no URL".to_owned(),
    }
}

/// Returns a text in visible ASCII on one line, shortened.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(FIELD_MAX) {
        if c.is_ascii_graphic() || c == ' ' {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    if text.chars().nth(FIELD_MAX).is_some() {
        shown += "...";
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_begins_with_satoshi() {
        assert_eq!(amount(Msat::from_sat(21)), "21 sat");
        assert_eq!(amount(Msat::new(1500)), "2 sat (1500 msat)");
        assert_eq!(amount(Msat::ZERO), "0 sat");
    }

    // ATTACKS A-14: no text forges a line, and none hides.
    #[test]
    fn a_field_is_one_line_of_visible_ascii() {
        for (text, shown) in [
            ("https://a.example", "https://a.example"),
            ("a\nAmount 1 sat", "a\\u{a}Amount 1 sat"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("p\u{430}y", "p\\u{430}y"),
            ("\u{202e}tas 1", "\\u{202e}tas 1"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(plain(text), shown);
        }
        assert_eq!(plain(&"a".repeat(500)).len(), FIELD_MAX + 3);
    }
}
