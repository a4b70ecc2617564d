//! The entries of the log: what one commit has changed, a few bytes each.
//!
//! All numbers are in little-endian order. A log is read by the version that wrote it, or a later one:
//! a kind never changes its meaning.
//!
//! ```text
//!   1 reserve    id 8, payment hash 32, units 8, end 8
//!   2 settle     id 8, how 1 (1 commit, 2 buyer, 3 upstream, 4 never told), units 8
//!   3 carry      owner 8, and then as a reserve
//!   4 give back  owner 8
//! ```

use l402::{PaymentHash, UnixTime};

use crate::ledger::Settle;

/// Units of a payment that are held for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) payment_hash: PaymentHash,
    pub(super) units: u64,
    pub(super) expires: UnixTime,
}

/// The end of a reservation, as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As its holder says.
    Settled(Settle),
    /// Nobody was told of it, because the commit that made it was in doubt. It leaves no trace.
    Untold,
}

/// One change. Numbers of reservations are those of the owner of the row, unless an entry names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Units are held from now on.
    Reserve(u64, Held),
    /// A reservation has ended.
    Settle(u64, End),
    /// A reservation that is still held, said again so that its first row can be forgotten.
    Carry(i64, u64, Held),
    /// An owner has ended; all that it held is given back.
    GiveBack(i64),
}

/// Bytes that are no entry.
#[derive(Debug)]
pub(super) struct NoEntry;

impl std::fmt::Display for NoEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an entry of the log is damaged")
    }
}

impl std::error::Error for NoEntry {}

impl Entry {
    /// Adds the bytes of this entry.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Reserve(id, held) => {
                bytes.push(1);
                write_held(*id, held, bytes);
            }
            Self::Settle(id, end) => {
                bytes.push(2);
                bytes.extend(id.to_le_bytes());
                let (how, units) = match end {
                    End::Settled(Settle::Commit { units }) => (1, *units),
                    End::Settled(Settle::ReleaseBuyer) => (2, 0),
                    End::Settled(Settle::ReleaseUpstream) => (3, 0),
                    End::Untold => (4, 0),
                };
                // The units follow every kind of end, so that all ends have one length.
                bytes.push(how);
                bytes.extend(units.to_le_bytes());
            }
            Self::Carry(owner, id, held) => {
                bytes.push(3);
                bytes.extend(owner.to_le_bytes());
                write_held(*id, held, bytes);
            }
            Self::GiveBack(owner) => {
                bytes.push(4);
                bytes.extend(owner.to_le_bytes());
            }
        }
    }

    /// Reads the entries of a row, in their order.
    pub(super) fn read_all(mut bytes: &[u8]) -> impl Iterator<Item = Result<Self, NoEntry>> {
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let entry = Self::read(&mut bytes).ok_or(NoEntry);
            // Behind damaged bytes nobody knows where the next entry begins.
            if entry.is_err() {
                bytes = &[];
            }
            Some(entry)
        })
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [kind] = take(bytes)?;
        Some(match kind {
            1 => {
                let (id, held) = read_held(bytes)?;
                Self::Reserve(id, held)
            }
            2 => {
                let id = u64::from_le_bytes(take(bytes)?);
                let [how] = take(bytes)?;
                let units = u64::from_le_bytes(take(bytes)?);
                let end = match how {
                    1 => End::Settled(Settle::Commit { units }),
                    2 => End::Settled(Settle::ReleaseBuyer),
                    3 => End::Settled(Settle::ReleaseUpstream),
                    4 => End::Untold,
                    _ => return None,
                };
                Self::Settle(id, end)
            }
            3 => {
                let owner = i64::from_le_bytes(take(bytes)?);
                let (id, held) = read_held(bytes)?;
                Self::Carry(owner, id, held)
            }
            4 => Self::GiveBack(i64::from_le_bytes(take(bytes)?)),
            _ => return None,
        })
    }
}

fn write_held(id: u64, held: &Held, bytes: &mut Vec<u8>) {
    bytes.extend(id.to_le_bytes());
    bytes.extend(held.payment_hash.as_bytes());
    bytes.extend(held.units.to_le_bytes());
    bytes.extend(held.expires.secs().to_le_bytes());
}

fn read_held(bytes: &mut &[u8]) -> Option<(u64, Held)> {
    let id = u64::from_le_bytes(take(bytes)?);
    let held = Held {
        payment_hash: PaymentHash::from_bytes(take(bytes)?),
        units: u64::from_le_bytes(take(bytes)?),
        expires: UnixTime::from_secs(u64::from_le_bytes(take(bytes)?)),
    };
    Some((id, held))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let held = Held {
            payment_hash: PaymentHash::from_bytes([7; 32]),
            units: 3,
            expires: UnixTime::from_secs(1_790_000_000),
        };
        let entries = [
            Entry::Reserve(u64::MAX, held),
            Entry::Settle(1, End::Settled(Settle::Commit { units: 2 })),
            Entry::Settle(2, End::Settled(Settle::ReleaseBuyer)),
            Entry::Settle(3, End::Settled(Settle::ReleaseUpstream)),
            Entry::Settle(4, End::Untold),
            Entry::Carry(-1, 5, held),
            Entry::GiveBack(i64::MAX),
        ];
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for entry in &entries {
            entry.write(&mut bytes);
            ends.push(bytes.len());
        }
        let read: Result<Vec<_>, _> = Entry::read_all(&bytes).collect();
        assert_eq!(read.unwrap(), entries);
        for cut in 0..bytes.len() {
            let whole = Entry::read_all(&bytes[..cut]).all(|entry| entry.is_ok());
            assert_eq!(whole, ends.contains(&cut), "cut at {cut}");
        }
        assert!(Entry::read_all(&[9]).any(|entry| entry.is_err()));
    }
}
