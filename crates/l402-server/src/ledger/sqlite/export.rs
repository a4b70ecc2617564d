//! All that a file holds, for a copy of it elsewhere.

use std::path::Path;

use rusqlite::Connection;

use super::tail::Tail;
use super::{LedgerError, SqliteLedger, file, owner};

/// The revocations that are read at once.
const AT_ONCE: u32 = 1000;

/// A payment with its counts.
#[derive(Debug)]
pub(in crate::ledger) struct Payment {
    pub(in crate::ledger) hash: [u8; 32],
    pub(in crate::ledger) used: u64,
    pub(in crate::ledger) attempts: u32,
    pub(in crate::ledger) failures: u32,
    /// Unix seconds.
    pub(in crate::ledger) expires: u64,
}

/// Opens a file that no process has open, after what ended ones hold was given back.
pub(in crate::ledger) fn open(path: &Path) -> Result<Connection, LedgerError> {
    // Its lock files tell: the operating system lets go of them however a process ends.
    if owner::tidy(path) > 0 {
        return Err(LedgerError::in_use(path));
    }
    // Opening gives back what dead holders have reserved, and closing writes it.
    drop(SqliteLedger::open(path)?);
    file::open_again(path)
}

/// The payments in the order of their hashes.
pub(in crate::ledger) struct Payments<'a> {
    file: &'a Connection,
    tail: Tail,
    hand: Vec<u8>,
    /// The table is through, and what the log alone knows follows.
    of_log: bool,
}

impl<'a> Payments<'a> {
    pub(in crate::ledger) fn of(file: &'a Connection) -> rusqlite::Result<Self> {
        let mut tail = Tail::default();
        tail.catch_up(file)?;
        Ok(Self {
            file,
            tail,
            hand: Vec::new(),
            of_log: false,
        })
    }

    /// Returns the next ones, none after the last.
    pub(in crate::ledger) fn next(&mut self, most: usize) -> rusqlite::Result<Vec<Payment>> {
        // The table first, in its own order; then what only the log knows of, which memory holds.
        if !self.of_log {
            let some = self.next_of_table(most)?;
            if let Some(last) = some.last() {
                self.hand = last.hash.to_vec();
                return Ok(some);
            }
            self.of_log = true;
            self.hand.clear();
        }
        self.next_of_log(most)
    }

    fn next_of_table(&mut self, most: usize) -> rusqlite::Result<Vec<Payment>> {
        let sql = "SELECT payment_hash FROM payments WHERE payment_hash > ?1 \
                   ORDER BY payment_hash LIMIT ?2";
        let mut query = self.file.prepare_cached(sql)?;
        let rows = query.query_map((&self.hand, most), |row| row.get(0))?;
        let hashes: Vec<[u8; 32]> = rows.collect::<rusqlite::Result<_>>()?;
        let mut some = Vec::with_capacity(hashes.len());
        for hash in hashes {
            // The log knows more of some than the table does.
            // Looked at, and not kept: memory would grow with the whole table.
            let live = self.tail.look(self.file, &hash)?;
            some.push(payment(hash, &live));
        }
        Ok(some)
    }

    fn next_of_log(&mut self, most: usize) -> rusqlite::Result<Vec<Payment>> {
        loop {
            let hand = <[u8; 32]>::try_from(self.hand.as_slice()).ok();
            let some = self.tail.after(hand.as_ref(), most);
            let Some((last, _)) = some.last() else {
                return Ok(Vec::new());
            };
            self.hand = last.to_vec();
            let mut alone = Vec::new();
            for (hash, live) in some {
                if file::payment(self.file, &hash)?.is_none() {
                    alone.push(payment(hash, &live));
                }
            }
            if !alone.is_empty() {
                return Ok(alone);
            }
        }
    }
}

fn payment(hash: [u8; 32], live: &super::tail::Live) -> Payment {
    Payment {
        hash,
        used: live.tally.used,
        attempts: live.tally.attempts,
        failures: live.tally.failures,
        expires: live.expires,
    }
}

/// The state of a key.
#[derive(Debug)]
pub(in crate::ledger) struct Key {
    pub(in crate::ledger) number: u16,
    pub(in crate::ledger) fingerprint: [u8; 16],
    pub(in crate::ledger) began: i64,
    pub(in crate::ledger) until: Option<i64>,
    pub(in crate::ledger) revoked: bool,
    pub(in crate::ledger) waits: bool,
}

pub(in crate::ledger) fn keys(file: &Connection) -> rusqlite::Result<Vec<Key>> {
    let sql = "SELECT number, fingerprint, began, until, revoked, waits FROM keys";
    let mut query = file.prepare(sql)?;
    let rows = query.query_map([], |row| {
        Ok(Key {
            number: row.get(0)?,
            fingerprint: row.get(1)?,
            began: row.get(2)?,
            until: row.get(3)?,
            revoked: row.get(4)?,
            waits: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// A revocation, as it stands in the file.
#[derive(Debug)]
pub(in crate::ledger) struct Row {
    pub(in crate::ledger) number: i64,
    pub(in crate::ledger) kind: i32,
    pub(in crate::ledger) subject: Vec<u8>,
    pub(in crate::ledger) before: i64,
    pub(in crate::ledger) revoked: i64,
    pub(in crate::ledger) ends: Option<i64>,
}

/// Returns the revocations after a number.
pub(in crate::ledger) fn revocations(file: &Connection, after: i64) -> rusqlite::Result<Vec<Row>> {
    let sql = "SELECT number, kind, subject, before, revoked, ends FROM revocations \
               WHERE number > ?1 ORDER BY number LIMIT ?2";
    let mut query = file.prepare_cached(sql)?;
    let rows = query.query_map((after, AT_ONCE), |row| {
        Ok(Row {
            number: row.get(0)?,
            kind: row.get(1)?,
            subject: row.get(2)?,
            before: row.get(3)?,
            revoked: row.get(4)?,
            ends: row.get(5)?,
        })
    })?;
    rows.collect()
}
