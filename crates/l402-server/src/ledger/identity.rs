//! Which ledger a file is: its id, its epoch, and the numbers of the keys that sell with it.

use std::collections::BTreeMap;
use std::fmt;

use l402::{KeyNumber, UnixTime};

use super::LedgerTime;

/// The random number that tells one ledger from all others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerId([u8; 16]);

impl LedgerId {
    /// Makes an id of 16 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LedgerId {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerId({self})")
    }
}

/// What a ledger says of itself. Compared with what stands beside the master key, it shows a ledger
/// that was deleted, exchanged, or restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerIdentity {
    /// The id; `None` in a new file.
    pub id: Option<LedgerId>,
    /// Grows at each start, and while uses are counted. 0 before the first start.
    pub epoch: u64,
    /// The latest time at which a use was counted, to the minute; 0 if there was none.
    pub latest: UnixTime,
    /// The number of the key that sells; `None` in a new file, and in one that was written before
    /// there were numbers.
    pub number: Option<KeyNumber>,
    /// The lowest number whose uses this ledger has counted from the beginning.
    pub uses_from: KeyNumber,
    /// The fingerprint of the key of each number that has sold.
    pub fingerprints: BTreeMap<KeyNumber, [u8; 16]>,
}

impl LedgerIdentity {
    /// Returns true for a file that no program has sold with: it has no id yet.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.id.is_none()
    }

    /// Returns true if uses were counted at a time that is more than an hour after `now`. Then no use
    /// is counted until the clock is right.
    #[must_use]
    pub fn is_ahead_of(&self, now: UnixTime) -> bool {
        LedgerTime::new(self.latest).check(now).is_err()
    }

    /// Returns the mark to keep beside the key, once there are an id and a number.
    #[must_use]
    pub const fn mark(&self) -> Option<LedgerMark> {
        match (self.id, self.number) {
            (Some(id), Some(number)) => Some(LedgerMark {
                id,
                epoch: self.epoch,
                number,
            }),
            _ => None,
        }
    }
}

/// The part of a ledger's identity that is kept beside the master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerMark {
    /// The id of the ledger.
    pub id: LedgerId,
    /// The epoch of the ledger, never above the one that the ledger has stored.
    pub epoch: u64,
    /// The number of the key that sells.
    pub number: KeyNumber,
}
