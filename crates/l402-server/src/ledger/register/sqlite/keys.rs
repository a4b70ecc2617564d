//! The states of the keys in the file.

use std::collections::{BTreeMap, HashMap};

use l402::{KeyNumber, UnixTime};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::SqliteRegister;
use crate::ledger::LedgerError;
use crate::ledger::register::reported;
use crate::ledger::register::{KeyBook, KeyReport, KeyState, KeyStates};
use crate::ledger::sqlite::owner;

impl KeyStates for SqliteRegister {
    fn key_book(&self) -> Result<KeyBook, LedgerError> {
        self.with(|db| {
            // One view of all the tables.
            let tx = db.transaction()?;
            // Before the reports are read: one that begins later is seen by the next look.
            let living = owner::living(self.path());
            read(&tx, &living)
        })
    }

    fn change_keys(
        &self,
        decide: &mut dyn FnMut(&mut KeyBook) -> bool,
    ) -> Result<KeyBook, LedgerError> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // A gateway that opens the file from here on reads the keys after this transaction.
            let living = owner::living(self.path());
            let mut book = read(&tx, &living)?;
            if decide(&mut book) {
                write(&tx, &book)?;
                tx.commit()?;
            }
            Ok(book)
        })
    }

    fn report_keys(&self, report: &KeyReport, now: UnixTime) -> Result<(), LedgerError> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "INSERT INTO gateways (holder, name, seen, keys) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (holder) DO UPDATE SET name = ?2, seen = ?3, keys = ?4";
            let keys = reported::write(&report.keys);
            tx.execute(sql, (report.holder, &report.name, now.secs(), keys))?;
            let living = owner::living(self.path());
            for (holder, _) in reports(&tx)? {
                if !living.contains(&holder) && holder != report.holder {
                    tx.execute("DELETE FROM gateways WHERE holder = ?1", [holder])?;
                }
            }
            tx.commit()
        })
    }
}

/// Reads all of it. `living` are the holders that have the file open.
fn read(db: &Connection, living: &[i64]) -> rusqlite::Result<KeyBook> {
    let sql = "SELECT number, uses_from FROM ledger";
    let (current, uses_from) = db.query_row(sql, [], |row| {
        let current = row.get::<_, Option<u16>>(0)?.map(KeyNumber);
        Ok((current, KeyNumber(row.get(1)?)))
    })?;
    let mut reports = reports(db)?;
    let gateways = living.iter().map(|holder| {
        let unreported = || KeyReport {
            holder: *holder,
            name: String::new(),
            keys: Vec::new(),
        };
        reports.remove(holder).unwrap_or_else(unreported)
    });
    Ok(KeyBook {
        current,
        uses_from,
        gateways: gateways.collect(),
        keys: states(db)?,
    })
}

fn states(db: &Connection) -> rusqlite::Result<BTreeMap<KeyNumber, KeyState>> {
    let sql = "SELECT number, fingerprint, began, until, revoked, waits FROM keys";
    let mut query = db.prepare_cached(sql)?;
    let states = query.query_map([], |row| {
        let state = KeyState {
            fingerprint: row.get(1)?,
            began: UnixTime::from_secs(row.get(2)?),
            until: row.get::<_, Option<u64>>(3)?.map(UnixTime::from_secs),
            retired: row.get(4)?,
            waits: row.get(5)?,
        };
        Ok((KeyNumber(row.get(0)?), state))
    })?;
    states.collect()
}

fn reports(db: &Connection) -> rusqlite::Result<HashMap<i64, KeyReport>> {
    let mut query = db.prepare_cached("SELECT holder, name, keys FROM gateways")?;
    let reports = query.query_map([], |row| {
        let holder = row.get(0)?;
        let report = KeyReport {
            holder,
            name: row.get(1)?,
            keys: reported::read(&row.get::<_, Vec<u8>>(2)?),
        };
        Ok((holder, report))
    })?;
    reports.collect()
}

fn write(tx: &Transaction<'_>, book: &KeyBook) -> rusqlite::Result<()> {
    let current = book.current.map(|number| number.0);
    tx.execute("UPDATE ledger SET number = ?1", [current])?;
    let sql = "INSERT INTO keys (number, fingerprint, began, until, revoked, waits) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (number) \
               DO UPDATE SET fingerprint = ?2, began = ?3, until = ?4, revoked = ?5, waits = ?6";
    for (number, state) in &book.keys {
        let until = state.until.map(stored);
        let (retired, waits) = (state.retired, state.waits);
        let began = stored(state.began);
        tx.execute(
            sql,
            (number.0, state.fingerprint, began, until, retired, waits),
        )?;
    }
    Ok(())
}

/// Returns seconds that fit into the file.
fn stored(time: UnixTime) -> i64 {
    i64::try_from(time.secs()).unwrap_or(i64::MAX)
}
