//! The payments that the log knows more of than the table does, in memory.
//!
//! ```text
//!   table `payments` ── read at first need ──▶ one payment ◀── entries of the log, own and others'
//!                    ◀── the hand folds it ──
//! ```
//!
//! At the beginning of each transaction it has taken in the whole log, so that what is granted rests on
//! what every process has done. After an error it is thrown away and read anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use l402::PaymentHash;
use rusqlite::Connection;

use super::ReserveRequest;
use super::entry::{End, Entry, Held, NoEntry};
use super::file::{self, Folded};
use crate::ledger::{ReserveError, Tally};

/// The rows of the log that are read at once.
const ROWS_AT_ONCE: u32 = 512;

/// A reservation: its owner, and its number with that owner.
pub(super) type Place = (i64, u64);

/// A payment, as table and log together have it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Live {
    pub(super) tally: Tally,
    pub(super) reserved: u64,
    /// Unix seconds.
    pub(super) expires: u64,
    /// The number of the last row of the log that the table has of it.
    folded: i64,
    /// True if the table has it otherwise, or not at all.
    pub(super) is_changed: bool,
}

impl Live {
    fn of(folded: Option<Folded>) -> Self {
        let folded = folded.unwrap_or_default();
        Self {
            tally: folded.tally,
            reserved: 0,
            expires: folded.expires,
            folded: folded.number,
            is_changed: false,
        }
    }
}

/// What the log says, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Tail {
    payments: BTreeMap<[u8; 32], Live>,
    held: HashMap<Place, Held>,
    /// The number of the last row that was taken in.
    number: i64,
    /// Payments that were read from the table since the hand has moved.
    read: usize,
    /// Entries that the log has got since the hand has moved.
    said: usize,
}

/// What a reservation found of its payment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) left: u64,
    pub(super) failures: u32,
    pub(super) releases: u32,
}

impl Tail {
    /// The number of the last row of the log that is in here.
    pub(super) const fn number(&self) -> i64 {
        self.number
    }

    /// The payments in memory.
    pub(super) fn len(&self) -> usize {
        self.payments.len()
    }

    /// Returns how many payments were read since the last call.
    pub(super) fn take_read(&mut self) -> usize {
        std::mem::take(&mut self.read)
    }

    /// Returns how many entries the log has got since the last call.
    pub(super) fn take_said(&mut self) -> usize {
        std::mem::take(&mut self.said)
    }

    /// The owners of what is held, one aside.
    pub(super) fn others(&self, owner: i64) -> HashSet<i64> {
        let owners = self.held.keys().map(|place| place.0);
        owners.filter(|other| *other != owner).collect()
    }

    /// The reservations of an owner.
    pub(super) fn held_by(&self, owner: i64) -> Vec<u64> {
        let places = self.held.keys().filter(|place| place.0 == owner);
        places.map(|place| place.1).collect()
    }

    /// The reservations of these payments.
    pub(super) fn held_of(&self, payments: &HashSet<PaymentHash>) -> Vec<(Place, Held)> {
        let of_them = self.held.iter();
        let of_them = of_them.filter(|(_, held)| payments.contains(&held.payment_hash));
        of_them.map(|(place, held)| (*place, *held)).collect()
    }

    /// Takes in what other processes have added to the log. To be called in a transaction that keeps
    /// them from adding more. Returns true if it has begun from nothing.
    pub(super) fn catch_up(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        let mut is_new = self.number == 0;
        loop {
            let rows = file::log_after(db, self.number, ROWS_AT_ONCE)?;
            let Some(first) = rows.first() else {
                return Ok(is_new);
            };
            if self.number != 0 && first.number != self.number + 1 {
                // What comes between was folded by another process, and removed.
                *self = Self::default();
                is_new = true;
                continue;
            }
            for row in rows {
                // Beyond it there would be no next number.
                if row.number == i64::MAX {
                    return Err(damaged(Box::new(NoEntry)));
                }
                for entry in Entry::read_all(&row.entries) {
                    let entry = entry.map_err(|error| damaged(Box::new(error)))?;
                    self.apply(db, row.number, row.owner, &entry)?;
                    self.said += 1;
                }
                self.number = row.number;
            }
        }
    }

    /// Takes note of the row that this process adds, after its changes have been made here.
    pub(super) const fn appended(&mut self, number: i64, entries: usize) {
        self.number = number;
        self.said += entries;
    }

    fn apply(
        &mut self,
        db: &Connection,
        number: i64,
        owner: i64,
        entry: &Entry,
    ) -> rusqlite::Result<()> {
        match entry {
            Entry::Reserve(id, held) => self.hold(db, (owner, *id), *held),
            Entry::Carry(owner, id, held) => self.hold(db, (*owner, *id), *held),
            Entry::Settle(id, end) => {
                self.end(db, number, (owner, *id), *end)?;
                Ok(())
            }
            Entry::GiveBack(owner) => self.give_back(db, *owner),
        }
    }

    /// Reserves units, if enough of them are left.
    pub(super) fn reserve(
        &mut self,
        db: &Connection,
        request: &ReserveRequest,
        place: Place,
    ) -> rusqlite::Result<Result<(Granted, Held), ReserveError>> {
        let allowance = request.allowance();
        let live = self.payment(db, allowance.payment_hash().as_bytes())?;
        // No more than 2^63 - 1 are ever granted, so that the sums of SQLite hold.
        if i64::try_from(request.units().get()).is_err() {
            return Ok(Err(ReserveError::Consumed));
        }
        let granted = match live.tally.admit(request, live.reserved) {
            Ok(left) => Granted {
                left,
                failures: live.tally.failures,
                releases: live.tally.attempts,
            },
            Err(error) => return Ok(Err(error)),
        };
        let held = Held {
            payment_hash: allowance.payment_hash(),
            units: request.units().get(),
            expires: allowance.expires(),
        };
        self.hold(db, place, held)?;
        Ok(Ok((granted, held)))
    }

    /// Ends a reservation. Once: returns false if there is none, since it has ended already.
    ///
    /// `number` is that of the row that says so. What the table has of it already is not counted again.
    pub(super) fn end(
        &mut self,
        db: &Connection,
        number: i64,
        place: Place,
        end: End,
    ) -> rusqlite::Result<bool> {
        let Some(held) = self.held.remove(&place) else {
            return Ok(false);
        };
        let live = self.payment(db, held.payment_hash.as_bytes())?;
        live.reserved = live.reserved.saturating_sub(held.units);
        if let End::Settled(settle) = end
            && number > live.folded
        {
            live.tally = live.tally.settled(held.units, settle);
            live.expires = live.expires.max(held.expires.secs());
            live.is_changed = true;
        }
        Ok(true)
    }

    /// Gives back all that an owner holds.
    pub(super) fn give_back(&mut self, db: &Connection, owner: i64) -> rusqlite::Result<()> {
        for id in self.held_by(owner) {
            self.end(db, self.number, (owner, id), End::Untold)?;
        }
        Ok(())
    }

    fn hold(&mut self, db: &Connection, place: Place, held: Held) -> rusqlite::Result<()> {
        // One that was carried on stands in the log twice.
        if self.held.insert(place, held).is_none() {
            let live = self.payment(db, held.payment_hash.as_bytes())?;
            live.reserved = live.reserved.saturating_add(held.units);
        }
        Ok(())
    }

    /// Returns a payment as table and log together have it. Keeps nothing in memory.
    #[cfg(feature = "postgres")]
    pub(super) fn look(&self, db: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Live> {
        match self.payments.get(hash) {
            Some(live) => Ok(*live),
            None => file::payment(db, hash).map(Live::of),
        }
    }

    /// Returns a payment, from the table at first.
    fn payment(&mut self, db: &Connection, hash: &[u8; 32]) -> rusqlite::Result<&mut Live> {
        use std::collections::btree_map::Entry as Place;
        match self.payments.entry(*hash) {
            Place::Occupied(there) => Ok(there.into_mut()),
            Place::Vacant(missing) => {
                self.read += 1;
                Ok(missing.insert(Live::of(file::payment(db, hash)?)))
            }
        }
    }

    /// Returns the spent units of a payment that the log or the table has, and keeps nothing of it.
    pub(super) fn spent(&self, db: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<u64>> {
        if let Some(live) = self.payments.get(hash)
            && live.is_changed
        {
            return Ok(Some(live.tally.used));
        }
        Ok(file::payment(db, hash)?.map(|folded| folded.tally.used))
    }

    /// Returns at most `most` payments after one in the order of the hashes.
    pub(super) fn after(&self, hash: Option<&[u8; 32]>, most: usize) -> Vec<([u8; 32], Live)> {
        let from = hash.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self
            .payments
            .range::<[u8; 32], _>((from, Bound::Unbounded))
            .take(most);
        next.map(|(hash, live)| (*hash, *live)).collect()
    }

    /// Drops a payment that the table has, or that has ended. One that somebody holds units of stays,
    /// as the table has it from now on.
    pub(super) fn folded(&mut self, hash: &[u8; 32], number: i64) {
        if let Some(live) = self.payments.get_mut(hash) {
            if live.reserved > 0 {
                live.folded = number;
                live.is_changed = false;
            } else {
                self.payments.remove(hash);
            }
        }
    }
}

fn damaged(error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, error)
}
