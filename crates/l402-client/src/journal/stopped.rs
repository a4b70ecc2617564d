//! Sellers of whom nothing is bought for a while, because they have cost money for nothing.
//!
//! A stop is written by the call that notices, and holds for every run until its end. It stands in
//! the journal's file, so that it is read in the transaction that would reserve the next amount.

use l402::{PaymentHash, UnixTime};
use rusqlite::{Connection, OptionalExtension, params};

use super::lock::Scope;
use super::step::Store;
use crate::{Error, Refused};

/// The most purchases of one seller within a day that may go unserved in a row, each at a path or for
/// a request of its own, before nothing more is bought there.
const UNSERVED_MAX: usize = 3;

/// The time for which an unserved purchase counts, in seconds.
const UNSERVED_SECS: u64 = 24 * 60 * 60;

/// The begin of the note of a purchase that was presented and not served.
pub(super) const NOT_SERVED: &str = "not served: ";

/// The party that is not used. A wallet that must not be used is known by its rows; see
/// [`budget`](super::budget).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A seller, by its origin: scheme, host and port.
    Host(String),
}

/// A stop that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The cause, for people. Holds no secret.
    pub(crate) reason: String,
    /// The time of the cause.
    pub(crate) since: UnixTime,
    /// The time from which it is used again.
    pub(crate) until: UnixTime,
}

impl Stop {
    /// Returns the two parts of the key of a row.
    fn key(&self) -> (&'static str, &str) {
        match self {
            Self::Host(origin) => ("host", origin),
        }
    }

    /// Returns the stop if one holds at `now`.
    pub(super) fn find(&self, db: &Connection, now: UnixTime) -> rusqlite::Result<Option<Stopped>> {
        let (what, name) = self.key();
        db.prepare_cached(
            "SELECT reason, since, until FROM stopped WHERE what = ?1 AND name = ?2 AND until > ?3",
        )?
        .query_row(params![what, name, now.secs()], |row| {
            Ok(Stopped {
                reason: row.get(0)?,
                since: UnixTime::from_secs(row.get(1)?),
                until: UnixTime::from_secs(row.get(2)?),
            })
        })
        .optional()
    }

    /// Ends the stop, if there is one.
    pub(super) fn end(&self, db: &Connection) -> rusqlite::Result<()> {
        let (what, name) = self.key();
        db.prepare_cached("DELETE FROM stopped WHERE what = ?1 AND name = ?2")?
            .execute([what, name])?;
        Ok(())
    }
}

impl Stopped {
    /// Returns the error for a purchase at a seller that is stopped.
    pub(super) fn refusal(&self, seller: &str) -> Error {
        let detail = format!(
            "nothing is bought at {seller} before {}: {} (at {})",
            self.until.to_rfc3339(),
            self.reason,
            self.since.to_rfc3339()
        );
        Error::refused(Refused::SellerStopped, detail)
    }
}

/// Returns the error for a seller of whom the last purchases were paid and never served. One that is
/// served ends this, and so does a day.
pub(super) fn unserved_in_a_row(
    db: &Connection,
    scope: &Scope,
    now: UnixTime,
) -> rusqlite::Result<Option<Error>> {
    let begin = now.secs().saturating_sub(UNSERVED_SECS);
    // By state and date, which are few rows, and not by the origin, which may have a million.
    let mut unserved = db.prepare_cached(
        "SELECT updated FROM purchase WHERE state = 'paid' AND paid_at > ?3 AND +origin = ?1 \
         AND host IS ?2 AND (refusals > 0 OR substr(note, 1, length(?4)) = ?4)",
    )?;
    let params = params![scope.origin, scope.host, begin, NOT_SERVED];
    let unserved: Vec<u64> = unserved
        .query_map(params, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if unserved.len() < UNSERVED_MAX {
        return Ok(None);
    }
    let last_served: Option<u64> = db
        .prepare_cached(
            "SELECT max(updated) FROM purchase WHERE origin = ?1 AND host IS ?2 AND state = 'served'",
        )?
        .query_row(params![scope.origin, scope.host], |row| row.get(0))?;
    // Times are whole seconds, so those of the same one count.
    let in_a_row = |updated: &&u64| last_served.is_none_or(|served| **updated >= served);
    let count = unserved.iter().filter(in_a_row).count();
    if count < UNSERVED_MAX {
        return Ok(None);
    }
    let detail = format!(
        "the last {count} purchases at {} were paid and not served; the same requests again use what \
         was paid for, and nothing else is bought there before one of them is served, or a day is over",
        scope.seller()
    );
    Ok(Some(Error::refused(Refused::SellerStopped, detail)))
}

impl Store {
    /// Notes that the credential of a purchase was presented and brought no answer. The note of a
    /// wallet that did what it must not stays.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn unserved(
        &mut self,
        hash: &PaymentHash,
        reason: &str,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        self.db().execute(
            "UPDATE purchase SET note = ?2 || ?3, updated = ?4 WHERE payment_hash = ?1 \
             AND state = 'paid' AND (note = '' OR substr(note, 1, length(?2)) = ?2)",
            params![hash.as_bytes(), NOT_SERVED, reason, now.secs()],
        )?;
        Ok(())
    }

    /// Stops buying of a seller. A later stop takes the place of an earlier one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn stop(&mut self, stop: &Stop, because: &Stopped) -> rusqlite::Result<()> {
        let (what, name) = stop.key();
        let bounded = |time: UnixTime| time.secs().min(i64::MAX.unsigned_abs());
        self.db().execute(
            "INSERT OR REPLACE INTO stopped (what, name, reason, since, until) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                what,
                name,
                because.reason,
                bounded(because.since),
                bounded(because.until)
            ],
        )?;
        Ok(())
    }

    /// Ends the stop of a seller, if there is one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn resume(&mut self, stop: &Stop) -> rusqlite::Result<()> {
        stop.end(self.db())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_holds_until_its_end_and_for_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let journal = crate::Journal::open(folder.path()).unwrap();
        let at = UnixTime::from_secs;
        let (host, other) = (Stop::Host("a".into()), Stop::Host("b".into()));
        let because = Stopped {
            reason: "it took the money".into(),
            since: at(1000),
            until: at(2000),
        };
        journal.with(|store| store.stop(&host, &because)).unwrap();
        let find = |stop: &Stop, secs| journal.with(|store| stop.find(store.db(), at(secs)));
        assert_eq!(find(&host, 1999).unwrap(), Some(because.clone()));
        assert_eq!(find(&host, 2000).unwrap(), None);
        assert_eq!(find(&other, 1000).unwrap(), None);
        // A clock that was set back ends nothing.
        assert_eq!(find(&host, 10).unwrap(), Some(because));
        journal.with(|store| store.resume(&host)).unwrap();
        assert_eq!(find(&host, 1000).unwrap(), None);
    }
}
