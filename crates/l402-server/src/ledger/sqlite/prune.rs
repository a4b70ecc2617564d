//! Forgetting payments whose tokens have ended, a few at a time.
//!
//! A hand goes round over all payments in the order of their hashes. It moves by four rows for
//! each new reservation, so it passes everything before the file has grown by a quarter, and what
//! lies side by side is written together. An index on the end would find the rows at once, but it
//! costs a page for each new payment, and the rows that it finds lie scattered.

use l402::UnixTime;
use rusqlite::Transaction;

use super::file;
use crate::ledger::GRACE_SECS;

/// Rows that one transaction looks at: about eight pages.
const ROWS_AT_ONCE: u32 = 512;

/// Rows to look at for each new reservation.
const ROWS_PER_RESERVATION: u64 = 4;

/// Seconds between two looks if there are few reservations.
const EVERY_SECS: u64 = 60;

/// The hand, and the rows that it is behind by.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// The payment that was looked at last; `None` at the start of a round.
    at: Option<[u8; 32]>,
    /// Rows to look at before the hand may rest.
    behind: u64,
    /// The time of the next look, in Unix seconds.
    next: u64,
}

impl Pruning {
    /// Takes note of new reservations, and looks at some payments if it is time to. `now` is the time
    /// of the ledger: no wall clock that was set may move it.
    pub(super) fn go_on(
        &mut self,
        tx: &Transaction<'_>,
        reservations: usize,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        let rows = u64::from(ROWS_AT_ONCE);
        let new = u64::try_from(reservations).unwrap_or(u64::MAX);
        self.behind = self
            .behind
            .saturating_add(new.saturating_mul(ROWS_PER_RESERVATION));
        if self.behind < rows && now.secs() < self.next {
            return Ok(());
        }
        self.next = now.secs().saturating_add(EVERY_SECS);
        self.behind = self.behind.saturating_sub(rows);
        if self.look(tx, now)? {
            self.behind = self.behind.max(rows);
        }
        Ok(())
    }

    /// Returns true if most of what was looked at had ended, as after a long rest: then more is to
    /// be found.
    fn look(&mut self, tx: &Transaction<'_>, now: UnixTime) -> rusqlite::Result<bool> {
        let after = self.at.as_ref().map_or(&[][..], |hash| hash);
        let end = file::payment_after(tx, after, ROWS_AT_ONCE)?;
        let up_to = end.unwrap_or([0xff; 32]);
        let ended = now.secs().saturating_sub(GRACE_SECS);
        let forgotten = file::forget(tx, after, &up_to, ended)?;
        self.at = end;
        Ok(end.is_some() && forgotten > ROWS_AT_ONCE as usize / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses as they come and end for ever: as many payments end as are new.
    #[test]
    fn what_has_ended_never_makes_up_more_than_a_quarter() {
        const NEW: u64 = 128;
        const LIFE: u64 = 40;
        let home = tempfile::tempdir().unwrap();
        let mut connection = file::open(&home.path().join("ledger.db")).unwrap();
        let tx = connection.transaction().unwrap();
        let (mut pruning, mut most, mut forgotten) = (Pruning::default(), 0, 0);
        for turn in 0..4 * LIFE {
            for n in turn * NEW..(turn + 1) * NEW {
                // Multiplied by a large odd number, they come in no order.
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
                let sql = "INSERT INTO payments VALUES (?1, 1, 0, 0, ?2, 0)";
                let row = (hash, turn + LIFE);
                tx.prepare_cached(sql).unwrap().execute(row).unwrap();
            }
            let now = UnixTime::from_secs(turn + GRACE_SECS);
            let new = usize::try_from(NEW).unwrap();
            pruning.go_on(&tx, new, now).unwrap();
            let count = |sql, now| {
                tx.query_row(sql, [now], |row| row.get::<_, u64>(0))
                    .unwrap()
            };
            let rows = count("SELECT count(*) FROM payments WHERE ?1 >= 0", turn);
            let alive = count("SELECT count(*) FROM payments WHERE expires > ?1", turn);
            assert_eq!(
                alive,
                NEW * (turn + 1).min(LIFE),
                "none is forgotten too early"
            );
            most = most.max(rows);
            forgotten = (turn + 1) * NEW - rows;
        }
        assert!(most <= NEW * LIFE * 5 / 4, "{most}");
        assert!(forgotten > 2 * NEW * LIFE, "{forgotten}");
    }
}
