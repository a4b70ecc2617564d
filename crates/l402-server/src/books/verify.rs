//! The verification: seals, sums, the ledger's counts, and the node's own list.

use core::fmt;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::Clock;
use l402_lightning::{Settlement, SettlementIndex};

use super::check::{BY_HAND, check_seals};
use super::{
    Account, Books, BooksError, Counts, Entry, Finding, Kind, Mark, Totals, each_account, payment,
    totals,
};

/// The time that running gateways get to write what the ledger has counted already.
const WAIT: Duration = Duration::from_secs(2);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Seconds after its end in which the ledger still knows a payment, less than the ledger's own.
const KNOWN_SECS: u64 = 3600;

/// The result of a verification.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The sums.
    pub totals: Totals,
    /// Millisatoshi that arrived, what is unattributed included.
    pub received: u64,
    /// Units that this verification has taken over from the ledger, or given back as the ledger did.
    pub corrected: u64,
    /// Uses that found a queue full since the books began. Counted ones are in the sums all the same.
    pub missed: u64,
    /// What does not add up. Empty if the books are right.
    pub findings: Vec<Finding>,
}

/// Brings the books to the ledger's counts: what a crash or a full queue has lost comes back as
/// corrections. To be called at a start, and by [`verify`]. Returns the units that were corrected.
///
/// Waits two seconds in all at most for gateways that have counted and not written yet.
///
/// # Errors
/// If books or ledger cannot be read, or the books not written.
pub fn recover(
    books: &dyn Books,
    counts: &mut dyn Counts,
    clock: &dyn Clock,
) -> Result<u64, BooksError> {
    let first = differences(books, counts, clock.wall())?;
    let mut missing = HashMap::new();
    let until = clock.monotonic().saturating_add(WAIT);
    let mut open: Vec<_> = first.into_iter().collect();
    while !open.is_empty() {
        open.retain(|(hash, _)| missing.get(hash) != Some(&0));
        missing.clear();
        for (hash, seen) in &open {
            missing.insert(*hash, still_missing(books, counts, *hash, seen)?);
        }
        if missing.values().all(|by| *by == 0) || clock.monotonic() >= until {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    missing.retain(|_, by| *by != 0);
    let now = clock.wall();
    let entries: Vec<_> = missing
        .iter()
        .map(|(hash, by)| {
            let mut entry = Entry::new(Kind::Correction, now);
            entry.payment_hash = Some(*hash);
            entry.spent = *by;
            entry
        })
        .collect();
    if !entries.is_empty() {
        books.append(&entries)?;
    }
    Ok(missing.values().map(|by| by.unsigned_abs()).sum())
}

/// The units of a payment that are spent, as they were seen at the first look.
#[derive(Clone, Copy, Debug)]
struct Seen {
    ledger: i64,
    books: i64,
}

/// Returns the payments that the ledger may still know and counts otherwise.
fn differences(
    books: &dyn Books,
    counts: &mut dyn Counts,
    now: UnixTime,
) -> Result<HashMap<PaymentHash, Seen>, BooksError> {
    let mut differ = HashMap::new();
    let forgotten = UnixTime::from_secs(now.secs().saturating_sub(KNOWN_SECS));
    books.view(&mut |view| {
        each_account(view, &mut |account| {
            let (Some(hash), false) = (account.payment_hash, account.has_ended(forgotten)) else {
                return Ok(());
            };
            // A payment that the ledger does not know is left as it is: it sells time, or this is
            // another ledger than the one that it was used with.
            if let Some(ledger) = spent(counts, hash)?
                && ledger != account.spent
            {
                let books = account.spent;
                differ.insert(hash, Seen { ledger, books });
            }
            Ok(())
        })
    })?;
    Ok(differ)
}

/// Returns what the books still lack of what the ledger had counted at the first look, or have beyond
/// the ledger. Uses go on meanwhile, so the side that was behind need only reach what was seen then.
fn still_missing(
    books: &dyn Books,
    counts: &mut dyn Counts,
    hash: PaymentHash,
    seen: &Seen,
) -> Result<i64, BooksError> {
    let now = payment(books, hash)?.unwrap_or_default().spent;
    if seen.ledger > seen.books {
        return Ok(seen.ledger.saturating_sub(now).max(0));
    }
    // Read after the books, so that no use that both know is taken for one too many.
    let ledger = spent(counts, hash)?.unwrap_or(seen.ledger);
    if ledger >= seen.books {
        return Ok(0);
    }
    Ok(ledger.saturating_sub(now).min(0))
}

fn spent(counts: &mut dyn Counts, hash: PaymentHash) -> Result<Option<i64>, BooksError> {
    let spent = counts
        .spent(hash)
        .map_err(|error| BooksError::other(Path::new("ledger"), &error))?;
    Ok(spent.map(|spent| i64::try_from(spent).unwrap_or(i64::MAX)))
}

/// The payments that a node lists of itself.
pub struct Listed<'a> {
    /// The name of the node in the books.
    pub node: &'a str,
    /// The place that the books had before the node was listed. What they have written of later places
    /// need not be in the list; what they have up to it must.
    pub up_to: SettlementIndex,
    /// The settlements, in whatever order. Those before the books began may be missing or not.
    pub settlements: &'a mut dyn Iterator<Item = Settlement>,
}

impl fmt::Debug for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Listed");
        shown.field("node", &self.node).finish_non_exhaustive()
    }
}

/// Verifies the books: every seal; received = sold + unattributed; sold = spent + unspent + expired; no
/// payment spent beyond what it bought; the uses against the ledger, if `counts` is there; the payments
/// against the node's own list, if it is there.
///
/// Corrections are written first, as [`recover`] does; nothing else is changed.
///
/// # Errors
/// If books, ledger or list cannot be read. What does not add up is no error, but a [`Finding`].
pub fn verify(
    books: &dyn Books,
    counts: Option<&mut dyn Counts>,
    listed: Option<Listed<'_>>,
    clock: &dyn Clock,
) -> Result<Report, BooksError> {
    let mut report = Report::default();
    if let Some(counts) = counts {
        report.corrected = recover(books, counts, clock)?;
    }
    let listed = listed.map(|listed| {
        let list = listed.settlements;
        let list = list.map(|one| (one.payment_hash, (one.paid, one.index.0)));
        (listed.node, listed.up_to, list.collect::<HashMap<_, _>>())
    });
    let now = clock.wall();
    books.view(&mut |view| {
        let sealing = check_seals(view)?;
        report.received = sealing.received;
        report.missed = sealing.missed;
        report.findings = sealing.findings;
        report.totals = totals(view, now)?;
        each_account(view, &mut |account| {
            report.findings.extend(overspent(account));
            Ok(())
        })?;
        if let Some((node, up_to, list)) = &listed {
            report.findings.extend(against(view, node, *up_to, list)?);
        }
        Ok(())
    })?;
    report.findings.extend(sums(&report));
    Ok(report)
}

/// Checks the sums, which were computed on two ways: entry by entry, and payment by payment.
fn sums(report: &Report) -> Vec<Finding> {
    let totals = &report.totals;
    let find = |what| Finding {
        mark: Mark::All,
        what,
        advice: BY_HAND,
    };
    let mut findings = Vec::new();
    let known = totals.received();
    if report.received != known {
        let received = report.received;
        findings.push(find(format!(
            "{received} msat were received, and {known} msat sold or unattributed"
        )));
    }
    let parts = totals.spent.saturating_add(totals.unspent);
    let parts = parts.saturating_add(totals.expired);
    if totals.sold != parts {
        let sold = totals.sold;
        findings.push(find(format!(
            "{sold} msat were sold, and {parts} msat are spent, unspent or expired"
        )));
    }
    findings
}

/// Finds a payment that was used more often than it allows, or less than never.
fn overspent(account: &Account) -> Option<Finding> {
    let units = i64::try_from(account.units()).unwrap_or(i64::MAX);
    if (0..=units).contains(&account.spent) {
        return None;
    }
    let spent = account.spent;
    Some(Finding {
        mark: Mark::Payment(account.payment_hash?),
        what: format!("{spent} of {units} units are spent"),
        advice: "run the verification again beside the ledger, which has the last word",
    })
}

/// Compares the payments with the node's own list.
fn against(
    view: &dyn super::View,
    node: &str,
    up_to: SettlementIndex,
    list: &HashMap<PaymentHash, (Msat, u64)>,
) -> Result<Vec<Finding>, BooksError> {
    let mut findings = Vec::new();
    let mut find = |hash, what: String, advice| {
        let mark = Mark::Payment(hash);
        findings.push(Finding { mark, what, advice });
    };
    let is_listed = |entry: &Entry| {
        let is_at_node = entry.node.as_deref() == Some(node);
        is_at_node && entry.index.is_none_or(|index| index <= up_to.0)
    };
    let mut missing = list.clone();
    view.by_payment(None, &mut |found| {
        let Ok(sealed) = found else { return Ok(()) };
        let entry = &sealed.entry;
        let (Kind::Payment, Some(hash)) = (entry.kind, entry.payment_hash) else {
            return Ok(());
        };
        missing.remove(&hash);
        let msat = entry.msat.map_or(0, Msat::msat);
        match list.get(&hash) {
            Some((paid, _)) if paid.msat() != msat => {
                let paid = paid.msat();
                let what = format!("{msat} msat in the books, {paid} msat at the node");
                find(hash, what, BY_HAND);
            }
            None if is_listed(entry) => {
                let what = "it is in the books, and the node does not list it".to_owned();
                find(hash, what, "ask the node about this payment");
            }
            _ => {}
        }
        Ok(())
    })?;
    // What lies beyond the place is still to be read by a gateway.
    let read = view.settlement_index(node)?.map_or(0, |index| index.0);
    let floor = floor(view, node)?;
    missing.retain(|_, (_, index)| floor < *index && *index <= read);
    for (hash, (paid, _)) in missing {
        let what = format!(
            "the node has received {} msat, and the books do not have it",
            paid.msat()
        );
        find(
            hash,
            what,
            "it was removed by hand, or another payment took its place: see a backup",
        );
    }
    Ok(findings)
}

/// Returns the place up to which the books need not have every payment of a node.
fn floor(view: &dyn super::View, node: &str) -> Result<u64, BooksError> {
    let mut floor = 0;
    view.in_order(&mut |found| {
        if let Ok(sealed) = found
            && sealed.entry.kind == Kind::Floor
            && sealed.entry.node.as_deref() == Some(node)
        {
            floor = floor.max(sealed.entry.index.unwrap_or(0));
        }
        Ok(())
    })?;
    Ok(floor)
}
