//! The nodes that sign the invoices of a seller, remembered from the first payment on.
//!
//! A row of `payee_pin` holds the seller and the public keys of its nodes, the newest first, with a
//! space between two. A seller may have several nodes, and would otherwise ask for a new approval at
//! each turn; a key that was approved once stays approved until three newer ones have come.

use l402::UnixTime;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::store::Store;

/// The most nodes of one seller that are remembered.
const NODES_MAX: usize = 3;

impl Store {
    /// Returns the nodes of a seller that were paid and approved, the newest first. Empty before the
    /// first payment.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn payees(&mut self, seller: &str) -> rusqlite::Result<Vec<String>> {
        find(self.db(), seller)
    }

    /// Remembers the node of a payment that was made. Another one than those that are known is added
    /// only if somebody has approved it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn pin_payee(
        &mut self,
        seller: &str,
        payee: &str,
        is_approved: bool,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        // Most payments go where the last one went, and write nothing.
        if find(self.db(), seller)?.iter().any(|it| it == payee) {
            return Ok(());
        }
        let tx = self
            .db()
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known = find(&tx, seller)?;
        let is_known = known.iter().any(|it| it == payee);
        if is_known || !(known.is_empty() || is_approved) {
            return Ok(());
        }
        let kept = known.iter().take(NODES_MAX - 1).map(String::as_str);
        let all: Vec<_> = std::iter::once(payee).chain(kept).collect();
        tx.execute(
            "INSERT OR REPLACE INTO payee_pin (origin, payee, since) VALUES (?1, ?2, ?3)",
            params![
                seller,
                all.join(" "),
                now.secs().min(i64::MAX.unsigned_abs())
            ],
        )?;
        tx.commit()
    }
}

fn find(db: &Connection, seller: &str) -> rusqlite::Result<Vec<String>> {
    let payees: Option<String> = db
        .prepare_cached("SELECT payee FROM payee_pin WHERE origin = ?1")?
        .query_row([seller], |row| row.get(0))
        .optional()?;
    let payees = payees.unwrap_or_default();
    Ok(payees.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_approved_node_joins_and_the_oldest_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let journal = crate::Journal::open(folder.path()).unwrap();
        let pin = |payee: &str, is_approved| {
            let now = UnixTime::from_secs(1);
            journal
                .with(|store| store.pin_payee("a", payee, is_approved, now))
                .unwrap();
            journal.with(|store| store.payees("a")).unwrap().join(" ")
        };
        assert_eq!(pin("1", false), "1");
        assert_eq!(pin("2", false), "1");
        assert_eq!(pin("2", true), "2 1");
        assert_eq!(pin("1", true), "2 1");
        assert_eq!(pin("3", true), "3 2 1");
        assert_eq!(pin("4", true), "4 3 2");
        let other = journal.with(|store| store.payees("b")).unwrap();
        assert!(other.is_empty());
    }
}
