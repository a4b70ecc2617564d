//! Payments, one by one.

use std::path::Path;

use l402::{PaymentHash, UnixTime};
use l402_server::books::{Account, Books, BooksError, each_account};
use serde::Serialize;

use super::super::Admin;
use super::super::problem::Problem;
use super::query::{Query, wrong};
use super::{Answered, ok};
use crate::run::payment_hash_of;

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) enum PaymentState {
    /// Arrived, and nothing of it is used yet.
    Settled,
    /// Partly used up, and good for more.
    PartlySpent,
    /// Used up.
    Spent,
    /// Not used up when its tokens ended.
    Expired,
    /// Arrived, and nobody knows what for. It may be none of ours.
    Unattributed,
    /// Used, and the books have not seen it arrive.
    Unsettled,
}

const STATES: [(&str, PaymentState); 6] = [
    ("settled", PaymentState::Settled),
    ("partly_spent", PaymentState::PartlySpent),
    ("spent", PaymentState::Spent),
    ("expired", PaymentState::Expired),
    ("unattributed", PaymentState::Unattributed),
    ("unsettled", PaymentState::Unsettled),
];

impl PaymentState {
    /// Returns the state of an account as it is at `now`.
    pub(crate) fn of(account: &Account, now: UnixTime) -> Self {
        if account.received.is_none() {
            Self::Unsettled
        } else if !account.is_attributed() {
            Self::Unattributed
        } else if account.is_spent() {
            Self::Spent
        } else if account.has_ended(now) {
            Self::Expired
        } else if account.spent > 0 {
            Self::PartlySpent
        } else {
            Self::Settled
        }
    }
}

/// One payment.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PaymentJson {
    payment_hash: String,
    state: PaymentState,
    /// The amount that arrived, in millisatoshi.
    received_msat: Option<u64>,
    /// The time at which the books learnt of it.
    received: Option<String>,
    /// The service that was sold.
    service: Option<String>,
    /// The route whose invoice was paid, or at which it was used first.
    route: Option<String>,
    /// The price, in millisatoshi.
    price_msat: Option<u64>,
    /// The units that it buys; 1 if the policy sells time.
    units: u64,
    /// The units that are spent.
    spent_units: i64,
    /// Uses that were served.
    uses: u64,
    /// Uses that were given back.
    given_back: u64,
    /// The time at which every token of it has ended.
    ends: Option<String>,
}

/// Payments in the order of their hashes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PaymentsJson {
    payments: Vec<PaymentJson>,
    /// The value of `after` for the next page; null at the end.
    next: Option<String>,
}

/// Returns an account for machines.
pub(super) fn row(account: &Account, now: UnixTime) -> PaymentJson {
    let terms = account.terms.as_ref();
    let hash = account.payment_hash.as_ref();
    PaymentJson {
        payment_hash: hash.map_or_else(String::new, |hash| hex::encode(hash.as_bytes())),
        state: PaymentState::of(account, now),
        received_msat: account.received.map(|(msat, _)| msat.msat()),
        received: account.received.map(|(_, time)| time.to_rfc3339()),
        service: terms.map(|terms| terms.service.to_string()),
        route: terms.map(|terms| terms.route.to_string()),
        price_msat: terms.map(|terms| terms.price.msat()),
        units: account.units(),
        spent_units: account.spent,
        uses: account.uses,
        given_back: account.given_back,
        ends: terms.map(|terms| terms.ends.to_rfc3339()),
    }
}

/// The accounts that a page shows.
struct PaymentFilter {
    after: Option<PaymentHash>,
    state: Option<PaymentState>,
    service: Option<String>,
    since: Option<UnixTime>,
}

impl PaymentFilter {
    fn takes(&self, account: &Account, now: UnixTime) -> bool {
        let terms = account.terms.as_ref();
        let is_later = account.payment_hash.as_ref().map(PaymentHash::as_bytes)
            > self.after.as_ref().map(PaymentHash::as_bytes);
        is_later
            && self
                .state
                .is_none_or(|state| PaymentState::of(account, now) == state)
            && self
                .service
                .as_ref()
                .is_none_or(|own| terms.is_some_and(|terms| *terms.service == **own))
            && self
                .since
                .is_none_or(|since| account.received.is_some_and(|(_, time)| time >= since))
    }
}

pub(super) fn list(admin: &Admin, query: &Query) -> Answered {
    query.only(&["state", "service", "since", "limit", "after"])?;
    let (rows, now) = (query.rows()?, admin.gateway().clock().wall());
    let after = query.get("after").map(payment_hash_of).transpose();
    let wanted = PaymentFilter {
        after: after.map_err(|text| wrong("after", &text))?,
        state: query.choice("state", &STATES)?,
        service: query.get("service").map(str::to_owned),
        since: query.since("since", now)?,
    };
    let payments = page(admin, rows, |account| {
        wanted.takes(account, now).then(|| row(account, now))
    })?;
    let last = payments.last().filter(|_| payments.len() == rows);
    ok(&PaymentsJson {
        next: last.map(|payment| payment.payment_hash.clone()),
        payments,
    })
}

/// Returns the first rows that are taken of all accounts. Reads no further than it must.
fn page<T>(
    admin: &Admin,
    rows: usize,
    mut take: impl FnMut(&Account) -> Option<T>,
) -> Result<Vec<T>, Problem> {
    let mut found: Vec<T> = Vec::new();
    admin.gateway().stores().with_books(|books| {
        until_full(books, &mut |account| {
            found.extend(take(account));
            found.len() < rows
        })
    })?;
    Ok(found)
}

/// Visits accounts until `visit` returns false.
fn until_full(
    books: &dyn Books,
    visit: &mut dyn FnMut(&Account) -> bool,
) -> Result<(), BooksError> {
    let mut is_full = false;
    let visited = books.view(&mut |view| {
        each_account(view, &mut |account| {
            if visit(account) {
                return Ok(());
            }
            is_full = true;
            // An error is the only way to end a visit.
            Err(BooksError::other(Path::new("books"), &"enough"))
        })
    });
    if is_full { Ok(()) } else { visited }
}
