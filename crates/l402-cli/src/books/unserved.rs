//! Payments that were never used, as JSON, as CSV and as a table.

use std::fmt::Write as _;

use l402_server::books::Account;
use serde_json::{Value, json};

use super::columns::{aligned, field, sat};
use crate::text::plain::escape;
use crate::text::when::utc;

/// One payment, as texts: hash, time, msat, service, route, end.
struct Row {
    hash: String,
    paid_at: String,
    msat: u64,
    service: String,
    route: String,
    expires_at: String,
}

fn rows(accounts: &[Account]) -> impl Iterator<Item = Row> {
    accounts.iter().filter_map(|account| {
        let (msat, time) = account.received?;
        let terms = account.terms.as_ref();
        let text = |text: Option<&str>| text.unwrap_or("unattributed").to_owned();
        Some(Row {
            hash: account.payment_hash?.to_string(),
            paid_at: time.to_rfc3339(),
            msat: msat.msat(),
            service: text(terms.map(|terms| &*terms.service)),
            route: text(terms.map(|terms| &*terms.route)),
            expires_at: terms.map_or_else(String::new, |terms| terms.ends.to_rfc3339()),
        })
    })
}

/// Returns them for machines.
pub(crate) fn unserved(accounts: &[Account]) -> Value {
    let rows = rows(accounts).map(|row| {
        json!({
            "payment_hash": row.hash,
            "paid_at": row.paid_at,
            "received_msat": row.msat,
            "service": row.service,
            "route": row.route,
            "expires_at": (!row.expires_at.is_empty()).then_some(row.expires_at),
        })
    });
    json!({ "unserved": rows.collect::<Vec<_>>() })
}

/// Returns them as CSV (RFC 4180), with a header.
pub(crate) fn unserved_csv(accounts: &[Account]) -> String {
    let mut text = "payment_hash,paid_at,received_msat,service,route,expires_at\r\n".to_owned();
    for row in rows(accounts) {
        let (service, route) = (field(&row.service), field(&row.route));
        let _ = write!(
            text,
            "{},{},{},{service},{route},{}\r\n",
            row.hash, row.paid_at, row.msat, row.expires_at
        );
    }
    text
}

/// Returns them for people.
pub(crate) fn unserved_table(accounts: &[Account]) -> String {
    let heads = ["paid (UTC)", "sat", "route", "payment"];
    let mut lines = vec![heads.map(str::to_owned)];
    for (account, row) in accounts.iter().zip(rows(accounts)) {
        let paid = account
            .received
            .map_or_else(String::new, |(_, time)| utc(time));
        lines.push([paid, sat(row.msat), escape(&row.route), row.hash]);
    }
    if lines.len() == 1 {
        return "every payment of this time was used\n".to_owned();
    }
    aligned(&lines)
}
