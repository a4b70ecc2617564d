//! Does the ledger go with the keys? Compares what the three say: keys, `ledger.id`, ledger.

use std::fmt;

use l402::KeyNumber;
use l402_server::ledger::{LedgerIdentity, LedgerMark};

use super::keys::Keys;

/// The reason why a ledger cannot be used with the keys. `Display` says what is wrong, without the
/// way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The master key is missing, and has sold before.
    KeyGone,
    /// The ledger is missing, empty or new, and the key is there.
    New,
    /// The ledger is a copy from earlier.
    Older,
    /// The ledger is that of other keys.
    Other,
    /// The key of this number is another one than before.
    Replaced(KeyNumber),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyGone => f.write_str(
                "master.key is missing, although tokens have been sold with it; put it back",
            ),
            Self::New => f.write_str(
                "the ledger is missing, empty or new, although the master key is not: all that was \
                 spent could be used again; put the ledger back",
            ),
            Self::Older => f.write_str(
                "the ledger is older than it was: all that was spent since that copy could be used \
                 again; put the newest one back",
            ),
            Self::Other => f.write_str(
                "the ledger is not the one that these keys have sold with; put that one back",
            ),
            Self::Replaced(number) => write!(
                f,
                "the master key of number {0} is another one than before, so what it has sold would \
                 be refused; put the old key back, and name the new one with a number of its own \
                 ([[keys]] with number and file)",
                number.0
            ),
        }
    }
}

/// Returns the mismatch of a ledger that is missing or empty, or `None` at a first start.
pub(super) fn without_ledger(keys: &Keys, mark: Option<&LedgerMark>) -> Option<Mismatch> {
    match (keys.is_fresh(), mark) {
        (false, _) => Some(Mismatch::New),
        (true, Some(_)) => Some(Mismatch::KeyGone),
        (true, None) => None,
    }
}

/// Compares the ledger with the keys and the mark beside them.
pub(super) fn judge(
    keys: &Keys,
    mark: Option<&LedgerMark>,
    ledger: &LedgerIdentity,
) -> Result<(), Mismatch> {
    if ledger.is_new() {
        return without_ledger(keys, mark).map_or(Ok(()), Err);
    }
    if keys.is_fresh() {
        // At epoch 0 the first start has ended half way, before its key was written.
        let half_way = mark.is_none() && ledger.number.is_some() && ledger.epoch == 0;
        return if half_way {
            Ok(())
        } else {
            Err(Mismatch::KeyGone)
        };
    }
    match (mark, ledger.mark()) {
        // Written by a program that knew neither ids nor numbers.
        (None, None) => {}
        (Some(_), None) => return Err(Mismatch::Older),
        (None, Some(_)) if !holds_a_key(keys, ledger) => return Err(Mismatch::Other),
        (None, Some(_)) => {}
        (Some(mark), Some(own)) if mark.id != own.id => return Err(Mismatch::Other),
        (Some(mark), Some(own)) if own.epoch < mark.epoch => return Err(Mismatch::Older),
        (Some(_), Some(_)) => {}
    }
    match replaced(keys, ledger) {
        Some(number) => Err(Mismatch::Replaced(number)),
        None => Ok(()),
    }
}

/// Returns true if one of the keys has sold with this ledger.
fn holds_a_key(keys: &Keys, ledger: &LedgerIdentity) -> bool {
    keys.holds_one_of(ledger.fingerprints.values())
}

/// Returns a number that the configuration names with another key than it had. A number that is not
/// named is none: its key may be elsewhere, or it has ended and the operator has taken its entry away.
fn replaced(keys: &Keys, ledger: &LedgerIdentity) -> Option<KeyNumber> {
    let mut known = ledger.fingerprints.iter();
    let differs =
        |number: KeyNumber, was: &[u8; 16]| keys.named(number).is_some_and(|now| now != *was);
    known
        .find(|(number, was)| differs(**number, was))
        .map(|(number, _)| *number)
}
