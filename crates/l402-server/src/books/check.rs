//! The check of the seals: what was changed, removed or put in by hand.

use std::collections::BTreeMap;
use std::fmt;

use l402::{Msat, PaymentHash};

use super::seals::{Seal, seal_of};
use super::{BooksError, Head, Kind, Sealed, View};

/// Something that does not add up. `Display` names the row, what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row or the payment that it is about.
    pub mark: Mark,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// A place in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// The books as a whole.
    All,
    /// An entry, by writer and number.
    Entry(i64, i64),
    /// A payment.
    Payment(PaymentHash),
    /// The row of a writer.
    Writer(i64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mark {
            Mark::All => f.write_str("sums")?,
            Mark::Entry(writer, number) => write!(f, "entry {number} of writer {writer}")?,
            Mark::Payment(hash) => write!(f, "payment {hash}")?,
            Mark::Writer(writer) => write!(f, "writer {writer}")?,
        }
        write!(f, ": {}; {}", self.what, self.advice)
    }
}

pub(super) const BY_HAND: &str =
    "somebody has changed the books, or the disk has: compare with a backup";

/// The sums that the entries state one by one, for comparison with those of the accounts.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    /// Millisatoshi of all payments, carried ones included.
    pub(super) received: u64,
    /// Uses that found a queue full.
    pub(super) missed: u64,
    pub(super) findings: Vec<Finding>,
}

impl Sealing {
    fn find(&mut self, mark: Mark, what: &str) {
        self.findings.push(Finding {
            mark,
            what: what.to_owned(),
            advice: BY_HAND,
        });
    }
}

/// Checks every seal.
pub(super) fn check_seals(view: &dyn View) -> Result<Sealing, BooksError> {
    let mut sealing = Sealing::default();
    let mut heads: BTreeMap<i64, Head> = BTreeMap::new();
    for head in view.heads()? {
        heads.insert(head.writer, head);
    }
    // The last entry of each writer that was reached: first its base.
    let mut reached: BTreeMap<i64, (i64, Seal)> = heads
        .iter()
        .map(|(writer, head)| (*writer, head.base))
        .collect();
    view.in_order(&mut |found| {
        match found {
            Ok(sealed) => one(&sealed, &mut reached, &mut sealing),
            Err((writer, number)) => {
                // Its seal is not known, so what comes after it is found, too.
                sealing.find(Mark::Entry(writer, number), "holds what was never written");
            }
        }
        Ok(())
    })?;
    for (writer, head) in &heads {
        if reached.get(writer) != Some(&head.newest) {
            sealing.find(
                Mark::Writer(*writer),
                "its last entries are not those it has noted",
            );
        }
        if head.base.0 == 0 && head.base.1 != [0; 32] {
            sealing.find(Mark::Writer(*writer), "its first seal is not empty");
        }
    }
    Ok(sealing)
}

/// Checks an entry against the one before it, and adds what it states.
fn one(sealed: &Sealed, reached: &mut BTreeMap<i64, (i64, Seal)>, sealing: &mut Sealing) {
    let mark = Mark::Entry(sealed.writer, sealed.number);
    match reached.get_mut(&sealed.writer) {
        None => sealing.find(mark, "its writer is not noted"),
        Some((number, last)) => {
            if sealed.number != *number + 1 {
                sealing.find(mark, "the entry before it is missing");
            } else if seal_of(last, sealed.writer, sealed.number, &sealed.entry) != sealed.seal {
                sealing.find(mark, "its seal does not fit");
            }
            // Goes on from the entry as it stands, so that one fault is not found again at all later ones.
            (*number, *last) = (sealed.number, sealed.seal);
        }
    }
    let entry = &sealed.entry;
    match entry.kind {
        Kind::Payment | Kind::Carried => {
            let msat = entry.msat.map_or(0, Msat::msat);
            sealing.received = sealing.received.saturating_add(msat);
        }
        Kind::Missed => {
            let missed = u64::try_from(entry.spent).unwrap_or(0);
            sealing.missed = sealing.missed.saturating_add(missed);
        }
        Kind::Position | Kind::Use | Kind::Correction | Kind::Floor => {}
    }
}
