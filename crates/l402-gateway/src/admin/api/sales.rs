//! Sums of what was sold.

use l402::UnixTime;
use l402_server::books::{By, SalesRow, sales};
use serde::Serialize;

use super::super::Admin;
use super::query::Query;
use super::{Answered, ok};

/// The time before now from which sales are summed up, unless another is asked for: 7 days.
const SINCE_SECS: u64 = 7 * 86_400;

/// The sums of one key.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct SalesRowJson {
    /// The route, the service, or the begin of the day or hour.
    key: String,
    /// Payments that arrived.
    payments: u64,
    /// Uses that were served.
    uses: u64,
    /// Uses that were given back.
    given_back: u64,
    /// Millisatoshi that arrived.
    sold_msat: u64,
    /// The part of it that is used up.
    spent_msat: u64,
    /// The part that can still be used.
    unspent_msat: u64,
    /// The part that was never used before its tokens ended.
    expired_msat: u64,
}

/// Sums of payments by a key.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct SalesJson {
    /// The key: `route`, `service`, `day` or `hour`.
    by: &'static str,
    /// The time from which payments count, by their arrival.
    since: String,
    sales: Vec<SalesRowJson>,
}

fn row(row: SalesRow) -> SalesRowJson {
    let totals = row.totals;
    SalesRowJson {
        key: row.key,
        payments: totals.all_payments(),
        uses: totals.uses,
        given_back: totals.given_back,
        sold_msat: totals.received(),
        spent_msat: totals.spent,
        unspent_msat: totals.unspent,
        expired_msat: totals.expired,
    }
}

pub(super) fn list(admin: &Admin, query: &Query) -> Answered {
    query.only(&["since", "by"])?;
    let choices = By::ALL.map(|by| (by.name(), by));
    let by = query.choice("by", &choices)?.unwrap_or(By::Route);
    let now = admin.gateway().clock().wall();
    let week = UnixTime::from_secs(now.secs().saturating_sub(SINCE_SECS));
    let since = query.since("since", now)?.unwrap_or(week);
    // The second that runs counts, too.
    let arrived = since..UnixTime::from_secs(now.secs().saturating_add(1));
    let rows = admin
        .gateway()
        .stores()
        .with_books(|books| sales(books, &arrived, by, now))?;
    ok(&SalesJson {
        by: by.name(),
        since: since.to_rfc3339(),
        sales: rows.into_iter().map(row).collect(),
    })
}
