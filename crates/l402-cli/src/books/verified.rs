//! The result of a verification, for machines and for people.

use std::fmt::Write as _;

use l402_server::books::Report;
use serde_json::{Value, json};

use super::columns::sat;

/// Returns a verification for machines. `left_out` names what could not be compared.
pub(crate) fn report(report: &Report, left_out: &[String]) -> Value {
    let totals = &report.totals;
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    json!({
        "exact": findings.is_empty(),
        "received_msat": report.received,
        "sold_msat": totals.sold,
        "spent_msat": totals.spent,
        "unspent_msat": totals.unspent,
        "expired_msat": totals.expired,
        "unattributed_msat": totals.unattributed,
        "payments": totals.payments,
        "unattributed_payments": totals.unattributed_payments,
        "uses": totals.uses,
        "corrected_uses": report.corrected,
        "missed_uses": report.missed,
        "findings": findings,
        "not_compared": left_out,
    })
}

/// Returns a verification for people.
pub(crate) fn text(report: &Report, left_out: &[String]) -> String {
    let totals = &report.totals;
    let mut text = String::new();
    let rows = [
        ("received", report.received),
        ("sold", totals.sold),
        ("  spent", totals.spent),
        ("  unspent", totals.unspent),
        ("  expired", totals.expired),
        ("unattributed", totals.unattributed),
    ];
    for (name, msat) in rows {
        let _ = writeln!(text, "{name:<13}{:>16} sat", sat(msat));
    }
    if report.corrected > 0 {
        let _ = writeln!(
            text,
            "{} uses were taken over from the ledger",
            report.corrected
        );
    }
    for what in left_out {
        let _ = writeln!(text, "not compared: {what}");
    }
    for finding in &report.findings {
        let _ = writeln!(text, "FOUND {finding}");
    }
    let _ = match report.findings.len() {
        0 => writeln!(text, "The books add up."),
        1 => writeln!(text, "The books do not add up: 1 finding."),
        count => writeln!(text, "The books do not add up: {count} findings."),
    };
    text
}
