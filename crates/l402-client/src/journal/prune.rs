//! The end of a row: history that nobody can need any more.

use std::time::Duration;

use l402::UnixTime;
use rusqlite::params;

use super::store::{NEWEST, Store};

/// The time that a purchase is kept after everything about it is over: a year of accounts and the
/// time to close them.
const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The newest rows, which are kept whatever their dates say: a clock that is far ahead for a while
/// must not take the last days' spending out of the budget.
const KEPT_ROWS: u32 = 10_000;

impl Store {
    /// Takes away purchases that are over since 400 days, and returns their number.
    ///
    /// Over is what failed, and what was served with a token that is spent or past its time, once the
    /// invoice has ended, too. What is open, paid and not served, or kept for a claim stays, and so
    /// does a token that has no end.
    pub(super) fn prune(&mut self, wall: UnixTime) -> rusqlite::Result<usize> {
        // By the earlier of two clocks: neither a wall clock that is ahead today, nor a purchase that
        // was dated ahead once, makes the other rows old.
        let sql = format!(
            "DELETE FROM purchase WHERE rowid <= (SELECT max(rowid) FROM purchase) - ?3 \
             AND (state = 'failed' OR (state = 'served' AND (NOT live OR valid_until < min(?1, {NEWEST}) - ?2))) \
             AND max(created, updated, expires, coalesce(paid_at, 0)) < min(?1, {NEWEST}) - ?2"
        );
        let params = params![wall.secs(), KEPT.as_secs(), KEPT_ROWS];
        let pruned = self.db().execute(&sql, params)?;
        self.prune_agents(wall)?;
        Ok(pruned)
    }
}

impl Store {
    /// Takes away what agents have asked for, and what allowed payments that are gone themselves.
    fn prune_agents(&mut self, wall: UnixTime) -> rusqlite::Result<()> {
        let db = self.db();
        for sql in [
            "DELETE FROM approval WHERE max(created, expires) < min(?1, {NEWEST}) - ?2",
            "DELETE FROM tool_call WHERE created < min(?1, {NEWEST}) - ?2",
        ] {
            let sql = sql.replace("{NEWEST}", NEWEST);
            db.execute(&sql, params![wall.secs(), KEPT.as_secs()])?;
        }
        db.execute(
            "DELETE FROM consent WHERE payment_hash NOT IN (SELECT payment_hash FROM purchase)",
            [],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 24 * 60 * 60;
    const OLD: u64 = NOW - 401 * DAY;

    /// The part of a row that decides how long it is kept.
    struct Row {
        state: &'static str,
        live: bool,
        valid_until: Option<u64>,
        at: u64,
        expires: u64,
    }

    impl Row {
        const SPENT: Self = Self {
            state: "served",
            live: false,
            valid_until: None,
            at: OLD,
            expires: OLD,
        };

        fn insert(&self, db: &Connection, id: u32) {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&id.to_be_bytes());
            let sql = "INSERT INTO purchase (rowid, payment_hash, origin, path, state, amount_msat, \
                       paid_msat, fee_msat, created, updated, paid_at, expires, note, network, \
                       invoice, scheme, token, live, valid_until) VALUES (?1, ?2, 'o', '/', ?3, 1, 1, \
                       0, ?4, ?4, ?4, ?5, '', 'regtest', 'i', 'L402', 't', ?6, ?7)";
            let Self {
                state,
                at,
                expires,
                live,
                valid_until,
            } = self;
            db.execute(
                sql,
                params![id, hash, state, at, expires, live, valid_until],
            )
            .unwrap();
        }
    }

    /// A store with these rows and one of now, and the number of those that are pruned.
    fn pruned(rows: &[Row], newest: u64, wall: u64) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("client.db")).unwrap();
        for (row, id) in rows.iter().zip(1..) {
            row.insert(store.db(), id);
        }
        let last = Row {
            at: newest,
            ..Row::SPENT
        };
        last.insert(store.db(), 20_000);
        store.prune(UnixTime::from_secs(wall)).unwrap()
    }

    // FAULTS T4: what is over is pruned, and nothing else.
    #[test]
    fn only_what_is_over_since_long_is_pruned() {
        let over = [
            Row::SPENT,
            Row {
                state: "failed",
                ..Row::SPENT
            },
            Row {
                live: true,
                valid_until: Some(OLD),
                ..Row::SPENT
            },
        ];
        assert_eq!(pruned(&over, NOW, NOW), 3);
        for kept in [
            Row {
                at: NOW - 399 * DAY,
                ..Row::SPENT
            },
            Row {
                expires: NOW,
                ..Row::SPENT
            },
            Row {
                live: true,
                ..Row::SPENT
            },
            Row {
                live: true,
                valid_until: Some(NOW),
                ..Row::SPENT
            },
            Row {
                state: "intent",
                ..Row::SPENT
            },
            Row {
                state: "paid",
                ..Row::SPENT
            },
            Row {
                state: "paid_no_proof",
                ..Row::SPENT
            },
            Row {
                state: "refused",
                ..Row::SPENT
            },
            Row {
                state: "unknown",
                ..Row::SPENT
            },
        ] {
            let state = kept.state;
            assert_eq!(pruned(&[kept], NOW, NOW), 0, "{state}");
        }
    }

    #[test]
    fn one_wrong_clock_prunes_nothing_and_two_leave_the_newest_rows() {
        let recent = || {
            [Row {
                at: NOW - DAY,
                expires: NOW - DAY,
                ..Row::SPENT
            }]
        };
        let ahead = NOW + 1000 * DAY;
        assert_eq!(pruned(&recent(), NOW, ahead), 0);
        assert_eq!(pruned(&recent(), ahead, NOW), 0);
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("client.db")).unwrap();
        for id in 1..=3 {
            recent()[0].insert(store.db(), id);
        }
        let newest = Row {
            at: ahead,
            ..Row::SPENT
        };
        newest.insert(store.db(), 10_002);
        assert_eq!(store.prune(UnixTime::from_secs(ahead)).unwrap(), 2);
    }
}
