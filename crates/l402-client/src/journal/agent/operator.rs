//! The operator: the hash of the passphrase, and the attempts at it.

use std::time::Duration;

use l402::UnixTime;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::keep::secs;
use crate::{Error, Journal};

/// The wrong attempts in a row that are free.
const FREE: u32 = 5;

/// The pause after the first wrong attempt that is not free, in seconds. It doubles with each more.
const PAUSE: u64 = 30;

/// The longest pause, in seconds: short enough that nobody is locked out for a day by a program that
/// guesses, long enough that it guesses a hundred times a day.
const PAUSE_MAX: u64 = 15 * 60;

impl Journal {
    /// Returns the hash of the operator's passphrase, or `None` if none was set.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn operator_hash(&self) -> Result<Option<String>, Error> {
        self.with(|store| {
            let sql = "SELECT hash FROM operator WHERE one = 1";
            store.db().query_row(sql, [], |row| row.get(0)).optional()
        })
    }

    /// Replaces the hash of the operator's passphrase, as long as it is still the one that was seen.
    /// The first one is stored with the first agent, by [`Journal::put_agent`]. Returns false if it is
    /// another one.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn set_operator_hash(&self, seen: &str, hash: &str, now: UnixTime) -> Result<bool, Error> {
        self.with(|store| {
            let changed = store.db().execute(
                "UPDATE operator SET hash = ?2, since = ?3, wrong = 0 WHERE one = 1 AND hash = ?1",
                params![seen, hash, secs(now)],
            )?;
            Ok(changed > 0)
        })
    }

    /// Begins an attempt at the passphrase, which counts as wrong until
    /// [`Journal::end_operator_attempt`]. Returns the time to wait if there were too many of them, of
    /// all processes; the attempt is not begun then.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn begin_operator_attempt(&self, now: UnixTime) -> Result<Option<Duration>, Error> {
        self.with(|store| {
            let tx = store
                .db()
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let wait = begin(&tx, secs(now))?;
            tx.commit()?;
            Ok(wait.map(Duration::from_secs))
        })
    }

    /// Ends the attempt that was right: those before it count no more.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn end_operator_attempt(&self) -> Result<(), Error> {
        self.with(|store| store.db().execute("UPDATE operator SET wrong = 0", []))?;
        Ok(())
    }
}

fn begin(db: &Connection, now: u64) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT wrong, wrong_at FROM operator WHERE one = 1";
    let row = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let Some((wrong, last)) = row.optional()? else {
        return Ok(None);
    };
    let pause = pause(wrong);
    // A clock that was ahead must lock nobody out for longer than one pause.
    if pause > 0 && now < last {
        db.execute("UPDATE operator SET wrong_at = ?1", [now])?;
        return Ok(Some(pause));
    }
    let left = last.saturating_add(pause).saturating_sub(now);
    if left > 0 && pause > 0 {
        return Ok(Some(left));
    }
    let sql = "UPDATE operator SET wrong = min(wrong + 1, 1000), wrong_at = ?1";
    db.execute(sql, [now])?;
    Ok(None)
}

/// Returns the pause after so many wrong attempts in a row, in seconds.
fn pause(wrong: u32) -> u64 {
    match wrong.checked_sub(FREE) {
        None => 0,
        Some(more) => PAUSE.saturating_mul(1 << more.min(10)).min(PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_ends() {
        let pauses: Vec<_> = (0..12).map(pause).collect();
        assert_eq!(pauses, [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
