//! Folding the log into the table, a few payments at a time, in the order of their hashes.
//!
//! A hand goes round over the payments in memory. What lies side by side is written together, so a page of
//! the table is written once a round and not once a use. After a round, everything that the log said
//! before it is in the table, and those rows are removed.

use std::collections::HashSet;

use l402::{PaymentHash, UnixTime};
use rusqlite::Transaction;

use super::entry::Entry;
use super::file::{self, Folded};
use super::tail::Tail;
use crate::ledger::GRACE_SECS;

/// The payments that memory may hold, about 100 bytes each. Beyond it two are folded for each new one.
const PAYMENTS: usize = 65_536;

/// Entries of the log for each payment that memory may hold. If a round has brought more, the hand moves by
/// two for each entry: payments that are used again and again would make the log long.
const ENTRIES: usize = 2;

/// The payments that one transaction folds at most.
const AT_ONCE: usize = 1024;

/// Seconds between two looks if memory has room: what is used seldom is folded and forgotten, too.
const EVERY_SECS: u64 = 60;

/// The rows of the log that one transaction removes at most.
const ROWS_AT_ONCE: i64 = 256;

/// The hand, and the log that it has behind it.
#[derive(Debug)]
pub(super) struct Folding {
    /// The payment that was looked at last; `None` at the start of a round.
    at: Option<[u8; 32]>,
    /// The number of the log's newest row before the round began.
    round_from: i64,
    /// All rows up to this number are in the table.
    done: i64,
    /// The time of the next look, in Unix seconds.
    next: u64,
    /// Payments to look at before the hand may rest.
    behind: usize,
    /// The payments that memory may hold.
    room: usize,
    /// Entries that the log has got since the round began.
    said: usize,
}

impl Default for Folding {
    fn default() -> Self {
        Self {
            at: None,
            round_from: 0,
            done: 0,
            next: 0,
            behind: 0,
            room: PAYMENTS,
            said: 0,
        }
    }
}

impl Folding {
    /// Makes a hand for a memory of another size.
    #[cfg(test)]
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// Begins anew, since memory was read anew.
    pub(super) fn restart(&mut self, tail: &Tail) {
        *self = Self {
            round_from: tail.number(),
            next: self.next,
            room: self.room,
            ..Self::default()
        };
    }

    /// Looks at some payments if it is time to, in a transaction that adds the row `number` to the log.
    /// What is held of them is said again in `entries`, which go into that row. Returns true if it has
    /// looked at any, so that the row must be added. `now` is the time of the ledger: no wall clock that
    /// was set may move it.
    pub(super) fn go_on(
        &mut self,
        tx: &Transaction<'_>,
        tail: &mut Tail,
        (number, entries): (i64, &mut Vec<Entry>),
        now: UnixTime,
    ) -> rusqlite::Result<bool> {
        let (read, said) = (tail.take_read(), tail.take_said());
        self.said = self.said.saturating_add(said);
        let is_full = tail.len() > self.room;
        let is_long = self.said > self.room.saturating_mul(ENTRIES);
        let new = if is_long { read.max(said) } else { read };
        if is_full || is_long {
            self.behind = self.behind.saturating_add(new.saturating_mul(2));
        } else {
            self.behind = 0;
        }
        if now.secs() >= self.next {
            self.next = now.secs().saturating_add(EVERY_SECS);
            self.behind = self.behind.max(AT_ONCE);
        }
        let most = self.behind.min(AT_ONCE);
        self.behind -= most;
        let has_looked = most > 0 && self.look(tx, tail, (number, entries), (most, now))?;
        if self.done > 0 && file::trim(tx, self.done, ROWS_AT_ONCE)? == 0 {
            self.done = 0;
        }
        Ok(has_looked)
    }

    fn look(
        &mut self,
        tx: &Transaction<'_>,
        tail: &mut Tail,
        (number, entries): (i64, &mut Vec<Entry>),
        (most, now): (usize, UnixTime),
    ) -> rusqlite::Result<bool> {
        let next = tail.after(self.at.as_ref(), most);
        let ended = now.secs().saturating_sub(GRACE_SECS);
        let mut held = HashSet::new();
        for (hash, live) in &next {
            if live.reserved > 0 {
                held.insert(PaymentHash::from_bytes(*hash));
            }
            let has_ended = live.reserved == 0 && live.expires <= ended;
            if live.is_changed && !has_ended {
                let row = Folded {
                    tally: live.tally,
                    expires: live.expires,
                    number,
                };
                file::fold(tx, hash, &row)?;
            }
            tail.folded(hash, number);
        }
        if !held.is_empty() {
            let held = tail.held_of(&held).into_iter();
            entries.extend(held.map(|((owner, id), held)| Entry::Carry(owner, id, held)));
        }
        self.at = next.last().map(|(hash, _)| *hash);
        if next.len() < most {
            self.at = None;
            self.done = self.done.max(self.round_from);
            // Not this row: if nothing was looked at it is not added, and the next round says again what is
            // held in a row of the same number.
            self.round_from = number - 1;
            self.said = 0;
        }
        Ok(!next.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::{Arc, mpsc};

    use l402_host::ManualClock;
    use tokio::sync::oneshot;

    use super::*;
    use crate::ledger::ops::{Ops, PendingReservation};
    use crate::ledger::sqlite::writer::Writer;
    use crate::ledger::sqlite::{ReserveRequest, Settle};
    use crate::ledger::{Allowance, GRACE_SECS};

    const ROOM: usize = 500;
    const TURNS: u64 = 600;
    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    /// Uses some payments again and again, and returns the bytes of the log at its longest.
    fn longest(payments: u64) -> u64 {
        let home = tempfile::tempdir().unwrap();
        let (ops, _) = mpsc::channel();
        let clock = Arc::new(ManualClock::new(NOW));
        let path = home.path().join("ledger.db");
        let mut writer = Writer::open(&path, Ops::Thread(ops), clock, None).unwrap();
        writer.folding = Folding::with_room(ROOM);
        let end = NOW.saturating_add(std::time::Duration::from_secs(GRACE_SECS));
        let mut longest = 0;
        for turn in 0..TURNS {
            let (requests, asked): (Vec<_>, Vec<_>) = (turn * 64..turn * 64 + 64)
                .map(|n| {
                    let mut hash = [0; 32];
                    hash[..8].copy_from_slice(&(n % payments).to_be_bytes());
                    let hash = PaymentHash::from_bytes(hash);
                    let allowance = Allowance::new(hash, NonZeroU64::MAX, end);
                    let (answer, asked) = oneshot::channel();
                    ((ReserveRequest::one_use(allowance, NOW), answer), asked)
                })
                .unzip();
            writer.commit(requests);
            let taken = asked.into_iter().map(|mut asked| {
                let granted = asked.try_recv().unwrap().map(PendingReservation::take);
                (granted.unwrap().id(), Settle::ONE_USE)
            });
            writer.owed.extend(taken);
            let db = writer.connection.as_ref().unwrap();
            let sql = "SELECT sum(length(entries)) FROM log";
            let bytes: u64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
            longest = longest.max(bytes);
        }
        longest
    }

    /// A round that ends with nothing to look at adds no row, so the next one begins with the same number.
    #[test]
    fn what_a_round_carries_in_its_first_row_outlives_that_round() {
        let home = tempfile::tempdir().unwrap();
        let mut db = super::file::open(&home.path().join("ledger.db")).unwrap();
        let tx = db.transaction().unwrap();
        let (mut tail, mut folding) = (Tail::default(), Folding::default());
        let end = NOW.saturating_add(std::time::Duration::from_secs(GRACE_SECS));
        let mut entries = Vec::new();
        for id in 1..=2 {
            let hash = PaymentHash::from_bytes([u8::try_from(id).unwrap(); 32]);
            let allowance = Allowance::new(hash, NonZeroU64::MIN, end);
            let request = ReserveRequest::one_use(allowance, NOW);
            let granted = tail.reserve(&tx, &request, (7, id)).unwrap();
            entries.push(Entry::Reserve(id, granted.unwrap().1));
        }
        append(&tx, &mut tail, &entries);
        for most in [2, 2, 1, 2] {
            let mut entries = Vec::new();
            let number = tail.number() + 1;
            let row = (number, &mut entries);
            if folding.look(&tx, &mut tail, row, (most, NOW)).unwrap() {
                append(&tx, &mut tail, &entries);
            }
        }
        file::trim(&tx, folding.done, ROWS_AT_ONCE).unwrap();
        let mut anew = Tail::default();
        anew.catch_up(&tx).unwrap();
        let mut held = anew.held_by(7);
        held.sort_unstable();
        assert_eq!(held, [1, 2]);
    }

    fn append(tx: &Transaction<'_>, tail: &mut Tail, entries: &[Entry]) {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| entry.write(&mut bytes));
        let number = tail.number() + 1;
        file::append(tx, number, 7, &bytes).unwrap();
        tail.appended(number, entries.len());
    }

    /// No payment is new, no time passes, and memory has room or is full.
    #[test]
    fn payments_that_are_used_again_and_again_make_no_long_log() {
        for payments in [1, 400, 600] {
            let bytes = longest(payments);
            assert!(bytes < 250_000, "{payments} payments: {bytes} bytes");
        }
    }
}
