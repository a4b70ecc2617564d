//! Queries: accounts one after another, sums by a key, and the uses with what each of them cost.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use l402::{Msat, PaymentHash, UnixTime};
use l402_lightning::{Settlement, SettlementIndex};

use super::{Account, Books, BooksError, Entry, Kind, Terms, Totals, View};

/// The key of the rows of [`sales`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// The service.
    Service,
    /// The route of the sale.
    Route,
    /// The day (UTC) on which the payment arrived.
    Day,
    /// The hour (UTC) in which the payment arrived.
    Hour,
}

impl By {
    /// All keys, the usual one first.
    pub const ALL: [Self; 4] = [Self::Route, Self::Service, Self::Day, Self::Hour];

    /// Returns the name of the key, as people and programs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Route => "route",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }
}

/// The sums of the payments of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalesRow {
    /// The service, the route, or the start of the day or hour in RFC 3339.
    pub key: String,
    /// The sums.
    pub totals: Totals,
}

/// Visits the account of each payment, in the order of the hashes and in bounded memory. Damaged entries
/// are left out: the verification finds them.
///
/// # Errors
/// Those of `visit`, and if the books cannot be read.
pub fn each_account(
    view: &dyn View,
    visit: &mut dyn FnMut(&Account) -> Result<(), BooksError>,
) -> Result<(), BooksError> {
    let mut account = Account::default();
    view.by_payment(None, &mut |found| {
        let Ok(sealed) = found else { return Ok(()) };
        if sealed.entry.payment_hash != account.payment_hash && account.payment_hash.is_some() {
            visit(&std::mem::take(&mut account))?;
        }
        account.take(&sealed.entry);
        Ok(())
    })?;
    if account.payment_hash.is_some() {
        visit(&account)?;
    }
    Ok(())
}

/// Returns the account of one payment, or `None` if the books do not know it.
///
/// # Errors
/// If the books cannot be read.
pub fn payment(books: &dyn Books, hash: PaymentHash) -> Result<Option<Account>, BooksError> {
    let mut account = Account::default();
    books.view(&mut |view| {
        view.by_payment(Some(hash), &mut |found| {
            if let Ok(sealed) = found {
                account.take(&sealed.entry);
            }
            Ok(())
        })
    })?;
    Ok(account.payment_hash.is_some().then_some(account))
}

/// Visits the entries of each use and correction together with what it has cost: the k-th unit of N of
/// a payment of P costs `⌊P·k/N⌋ − ⌊P·(k−1)/N⌋`. Payment by payment, those of one by time. Also visits
/// each settlement, with its amount.
///
/// # Errors
/// Those of `visit`, and if the books cannot be read.
pub fn each_use(
    view: &dyn View,
    visit: &mut dyn FnMut(&Account, &Entry, i128) -> Result<(), BooksError>,
) -> Result<(), BooksError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut end = |entries: &mut Vec<Entry>| {
        // The whole payment comes first: its price and units say what each of its uses costs.
        let mut whole = Account::default();
        entries.iter().for_each(|entry| whole.take(entry));
        let mut so_far = Account::default();
        for entry in entries.drain(..) {
            let before = cost(&whole, so_far.spent);
            so_far.take(&entry);
            let costs = match (entry.kind, entry.msat) {
                (Kind::Payment, Some(msat)) => i128::from(msat.msat()),
                _ => cost(&whole, so_far.spent) - before,
            };
            visit(&whole, &entry, costs)?;
        }
        Ok::<(), BooksError>(())
    };
    view.by_payment(None, &mut |found| {
        let Ok(sealed) = found else { return Ok(()) };
        let last = entries.last().and_then(|entry| entry.payment_hash);
        if last.is_some() && last != sealed.entry.payment_hash {
            end(&mut entries)?;
        }
        entries.push(sealed.entry);
        Ok(())
    })?;
    end(&mut entries)
}

fn cost(account: &Account, units: i64) -> i128 {
    i128::from(account.cost(u64::try_from(units).unwrap_or(0)).msat())
}

/// Sums up all that the books hold, carried sums included, as it is at `now`.
///
/// # Errors
/// If the books cannot be read.
pub fn totals(view: &dyn View, now: UnixTime) -> Result<Totals, BooksError> {
    let mut totals = Totals::default();
    each_account(view, &mut |account| {
        totals.add(account, now);
        Ok(())
    })?;
    view.in_order(&mut |found| {
        if let Ok(sealed) = found
            && sealed.entry.kind == Kind::Carried
        {
            totals.carry(&sealed.entry);
        }
        Ok(())
    })?;
    Ok(totals)
}

/// Sums up the payments that arrived in a range of times, by a key, as they stand at `now`: what is
/// spent of them is spent until now. Unattributed payments have a row with the key `unattributed` for
/// services and routes. Sorted by key.
///
/// # Errors
/// If the books cannot be read.
pub fn sales(
    books: &dyn Books,
    arrived: &Range<UnixTime>,
    by: By,
    now: UnixTime,
) -> Result<Vec<SalesRow>, BooksError> {
    let mut rows: BTreeMap<String, Totals> = BTreeMap::new();
    books.view(&mut |view| {
        each_account(view, &mut |account| {
            if let Some((_, time)) = account.received
                && arrived.contains(&time)
            {
                let row = rows.entry(key(account, time, by)).or_default();
                row.add(account, now);
            }
            Ok(())
        })
    })?;
    let rows = rows.into_iter();
    Ok(rows.map(|(key, totals)| SalesRow { key, totals }).collect())
}

fn key(account: &Account, time: UnixTime, by: By) -> String {
    let name = |name: fn(&Terms) -> &Arc<str>| {
        let terms = account.terms.as_ref();
        terms.map_or_else(
            || "unattributed".to_owned(),
            |terms| name(terms).to_string(),
        )
    };
    let start = |secs| UnixTime::from_secs(time.secs() / secs * secs).to_rfc3339();
    match by {
        By::Service => name(|terms| &terms.service),
        By::Route => name(|terms| &terms.route),
        By::Day => start(86_400),
        By::Hour => start(3_600),
    }
}

/// Notes the place in a node's settlements after which the books begin. To be called at the first start
/// with a node, if [`View::settlement_index`] has none.
///
/// # Errors
/// If it is not written.
pub fn begin_at(
    books: &dyn Books,
    node: &Arc<str>,
    index: SettlementIndex,
    time: UnixTime,
) -> Result<(), BooksError> {
    let mut entry = Entry::new(Kind::Floor, time);
    entry.node = Some(Arc::clone(node));
    entry.index = Some(index.0);
    books.append(&[entry])
}

/// Writes a settled payment, with its terms if they are known. Durable when it returns, together with
/// the place after which the reader goes on; a second time it does nothing. In a gateway call
/// [`BooksObserver::note_settlement`](super::BooksObserver::note_settlement), which may know the terms.
///
/// # Errors
/// If it is not written.
pub fn note_settlement(
    books: &dyn Books,
    node: &Arc<str>,
    settlement: &Settlement,
    terms: Option<Terms>,
    time: UnixTime,
) -> Result<(), BooksError> {
    let mut entry = Entry::new(Kind::Payment, time);
    entry.payment_hash = Some(settlement.payment_hash);
    entry.msat = Some(Msat::new(settlement.paid.msat()));
    entry.node = Some(Arc::clone(node));
    entry.index = Some(settlement.index.0);
    entry.terms = terms;
    books.append(&[entry])
}
