//! The contents of an invoice, for people and for machines.

use l402::{Invoice, UnixTime};
use serde_json::{Value, json};

use super::hex::hex;
use crate::text::plain::escape_short;
use crate::text::when;

/// The longest description that is shown, in characters.
const DESCRIPTION: usize = 200;

/// Returns the invoice for machines.
pub(crate) fn to_json(invoice: &Invoice, now: UnixTime) -> Value {
    json!({
        "amount_msat": invoice.amount.map(l402::Msat::msat),
        "payment_hash": invoice.payment_hash.to_string(),
        "network": invoice.network.name(),
        "created": invoice.created.secs(),
        "expires": invoice.expires.secs(),
        "expired": invoice.expires <= now,
        "payee": hex(&invoice.payee),
        "description": invoice.description.as_deref().map(|text| escape_short(text, DESCRIPTION)),
    })
}

/// Returns the invoice for people: names and values, one pair a line.
pub(crate) fn rows(invoice: &Invoice, now: UnixTime) -> Vec<(&'static str, String)> {
    let amount = invoice
        .amount
        .map_or("none: the payer would choose".to_owned(), |a| a.to_string());
    let expires = format!(
        "{} UTC ({})",
        when::utc(invoice.expires),
        when::left(invoice.expires, now)
    );
    let mut rows = vec![
        ("amount", amount),
        ("payment hash", invoice.payment_hash.to_string()),
        ("network", invoice.network.to_string()),
        ("expires", expires),
        ("payee", hex(&invoice.payee)),
    ];
    if let Some(text) = &invoice.description {
        // The seller's text: it may hold escape sequences and any length.
        rows.push(("description", escape_short(text, DESCRIPTION)));
    }
    rows
}

/// Formats names and values in two columns.
pub(crate) fn columns<'a>(rows: impl IntoIterator<Item = &'a (&'static str, String)>) -> String {
    rows.into_iter()
        .map(|(name, value)| format!("  {name:<14} {value}\n"))
        .collect()
}
