//! The file `l402.db`, which keeps what the node's events said before the node forgets them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior};

use super::folder::local;
use crate::{Error, Settlement, SettlementIndex};

pub(super) const NAME: &str = "l402.db";

const SCHEMA: Schema = Schema {
    name: "LDK node's notes",
    application_id: application_id(*b"l4lk"),
    create: LAYOUT,
    upgrades: &[],
    tables: &["payments", "settlements"],
    busy_timeout: Duration::from_secs(5),
    checkpoint_pages: 1000,
};

/// The number of settlements read at a time.
const PAGE: i64 = 256;

/// The tables. `failed` comes from LDK's event and is final; `refused` means that LDK never had the
/// payment, so that it may begin again. Without either a payment stays `begun`.
///
/// ```text
///   begun ─┬─ event ───> settled
///          ├─ event ───> failed
///          └─ refusal ─> refused ── another attempt ──> begun
/// ```
const LAYOUT: &str = "
    CREATE TABLE settlements (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        payment_hash BLOB NOT NULL UNIQUE,
        paid_msat INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE payments (
        payment_hash BLOB PRIMARY KEY NOT NULL,
        amount_msat INTEGER NOT NULL,
        max_fee_msat INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('begun', 'failed', 'refused', 'settled')),
        reason TEXT,
        preimage BLOB,
        fee_msat INTEGER
    ) STRICT;
";

/// The file. Every method blocks.
pub(super) struct LdkFile {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// A payment as the file stores it.
#[cfg(feature = "pay")]
pub(super) enum Entry {
    /// Handed to LDK, or about to be; the end is not known.
    Begun {
        /// The highest routing fee allowed.
        max_fee: Msat,
    },
    /// LDK reported that the payment failed, for this reason.
    Failed(String),
    /// LDK did not take the payment, for this reason.
    Refused(String),
    /// LDK reported that the payment arrived.
    Settled {
        /// The proof of payment.
        preimage: [u8; 32],
        /// The amount that the payee received.
        paid: Msat,
        /// The routing fee; the highest allowed one if LDK cannot tell after a restart.
        fee: Msat,
    },
}

impl LdkFile {
    /// Opens the file in the storage folder, or creates it.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let connection = Mutex::new(sqlite::open(&path, &SCHEMA)?);
        Ok(Self { path, connection })
    }

    /// Stores that a payment was received; returns the earlier settlement of the same invoice, if
    /// there is one. A second payment changes nothing, because the purchase was made once.
    pub(super) fn settle(
        &self,
        hash: &[u8; 32],
        paid_msat: u64,
    ) -> Result<Option<SettlementIndex>, Error> {
        let sql = "INSERT INTO settlements (payment_hash, paid_msat) VALUES (?1, ?2) \
                   ON CONFLICT (payment_hash) DO NOTHING";
        let earlier = "SELECT number FROM settlements WHERE payment_hash = ?1";
        let paid = stored(paid_msat);
        self.write(|tx| {
            if tx.execute(sql, (hash, paid))? > 0 {
                return Ok(None);
            }
            let number: i64 = tx.query_row(earlier, [hash], |row| row.get(0))?;
            Ok(Some(SettlementIndex(number.try_into().unwrap_or(0))))
        })
    }

    /// Returns the amount that an invoice was paid; `None` if it was not.
    pub(super) fn paid(&self, hash: &PaymentHash) -> Result<Option<Msat>, Error> {
        let sql = "SELECT paid_msat FROM settlements WHERE payment_hash = ?1";
        self.read(|c| {
            c.query_row(sql, [hash.as_bytes()], |row| msat(row, 0))
                .optional()
        })
    }

    /// Returns the index of the last settlement, 0 if there is none.
    pub(super) fn newest(&self) -> Result<SettlementIndex, Error> {
        let sql = "SELECT COALESCE(MAX(number), 0) FROM settlements";
        self.read(|c| {
            let number: i64 = c.query_row(sql, [], |row| row.get(0))?;
            Ok(SettlementIndex(number.try_into().unwrap_or(0)))
        })
    }

    /// The settlements after `from`, oldest first, at most a page of them.
    pub(super) fn settlements(&self, from: SettlementIndex) -> Result<Vec<Settlement>, Error> {
        let sql = "SELECT number, payment_hash, paid_msat FROM settlements WHERE number > ?1 \
                   ORDER BY number LIMIT ?2";
        self.read(|c| {
            let mut query = c.prepare_cached(sql)?;
            let rows = query.query_map((stored(from.0), PAGE), settlement)?;
            rows.collect()
        })
    }

    /// Stores that a payment arrived, as the node reported.
    pub(super) fn payment_settled(
        &self,
        hash: &[u8; 32],
        preimage: &[u8; 32],
        fee_msat: Option<u64>,
    ) -> Result<(), Error> {
        // From any state: the preimage is proof, whatever was believed before.
        let sql = "UPDATE payments SET state = 'settled', reason = NULL, preimage = ?2, \
                   fee_msat = ?3 WHERE payment_hash = ?1";
        let fee = fee_msat.map(stored);
        self.write(|tx| tx.execute(sql, (hash, preimage, fee)).map(drop))
    }

    /// Stores that a payment failed, as the node reported. A settled payment stays settled.
    pub(super) fn payment_failed(&self, hash: &[u8; 32], reason: &str) -> Result<(), Error> {
        let sql = "UPDATE payments SET state = 'failed', reason = ?2 \
                   WHERE payment_hash = ?1 AND state = 'begun'";
        self.write(|tx| tx.execute(sql, (hash, reason)).map(drop))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        work(&self.connection()).map_err(|error| local("read", &self.path, &error))
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection = self.connection();
        let written = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|tx| {
                let done = work(&tx)?;
                tx.commit()?;
                Ok(done)
            });
        written.map_err(|error| local("write", &self.path, &error))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "pay")]
impl LdkFile {
    /// Stores that a payment is about to be handed to LDK, and returns the state before. Only one
    /// caller at a time gets `None` or `Refused`, and that caller hands the payment to LDK.
    pub(super) fn begin(
        &self,
        hash: &PaymentHash,
        amount: Msat,
        max_fee: Msat,
    ) -> Result<Option<Entry>, Error> {
        let sql = "INSERT INTO payments (payment_hash, amount_msat, max_fee_msat, state) \
                   VALUES (?1, ?2, ?3, 'begun') ON CONFLICT (payment_hash) DO UPDATE SET \
                   max_fee_msat = ?3, state = 'begun', reason = NULL";
        self.write(|tx| {
            // Read and written in one transaction, so that two callers at once cannot both begin
            // the payment.
            let before = entry(tx, hash)?;
            if matches!(before, None | Some(Entry::Refused(_))) {
                let (amount, max_fee) = (stored(amount.msat()), stored(max_fee.msat()));
                tx.execute(sql, (hash.as_bytes(), amount, max_fee))?;
            }
            Ok(before)
        })
    }

    /// Stores that LDK did not take a payment that was begun.
    pub(super) fn payment_refused(&self, hash: &PaymentHash, reason: &str) -> Result<(), Error> {
        let sql = "UPDATE payments SET state = 'refused', reason = ?2 \
                   WHERE payment_hash = ?1 AND state = 'begun'";
        self.write(|tx| tx.execute(sql, (hash.as_bytes(), reason)).map(drop))
    }

    /// Returns the stored state of a payment.
    pub(super) fn payment(&self, hash: &PaymentHash) -> Result<Option<Entry>, Error> {
        self.read(|c| entry(c, hash))
    }
}

#[cfg(feature = "pay")]
fn reason(row: &Row<'_>) -> rusqlite::Result<String> {
    Ok(row.get::<_, Option<String>>(1)?.unwrap_or_default())
}

#[cfg(feature = "pay")]
fn entry(connection: &Connection, hash: &PaymentHash) -> rusqlite::Result<Option<Entry>> {
    let sql = "SELECT state, reason, preimage, amount_msat, coalesce(fee_msat, max_fee_msat) \
               FROM payments WHERE payment_hash = ?1";
    let found = connection.query_row(sql, [hash.as_bytes()], |row| {
        Ok(match row.get_ref(0)?.as_str()? {
            "failed" => Entry::Failed(reason(row)?),
            "refused" => Entry::Refused(reason(row)?),
            "settled" => Entry::Settled {
                preimage: row.get(2)?,
                paid: msat(row, 3)?,
                fee: msat(row, 4)?,
            },
            _ => Entry::Begun {
                max_fee: msat(row, 4)?,
            },
        })
    });
    found.optional()
}

fn settlement(row: &Row<'_>) -> rusqlite::Result<Settlement> {
    let number: i64 = row.get(0)?;
    Ok(Settlement {
        payment_hash: PaymentHash::from_bytes(row.get(1)?),
        paid: msat(row, 2)?,
        index: SettlementIndex(number.try_into().unwrap_or(0)),
    })
}

/// Returns a number as SQLite stores it. Every possible amount of bitcoin fits; a larger number
/// becomes the largest that does.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn msat(row: &Row<'_>, column: usize) -> rusqlite::Result<Msat> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map(Msat::new)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, LdkFile) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = LdkFile::open(folder.path()).expect("opens");
        (folder, file)
    }

    fn hash(byte: u8) -> PaymentHash {
        PaymentHash::from_bytes([byte; 32])
    }

    #[test]
    fn a_settlement_is_kept_once_and_in_order() {
        let (folder, file) = open();
        let first = Some(SettlementIndex(1));
        for (byte, paid, earlier) in [(2, 20, None), (1, 10, None), (2, 99, first)] {
            assert_eq!(file.settle(&[byte; 32], paid).unwrap(), earlier);
        }
        drop(file);
        let file = LdkFile::open(folder.path()).unwrap();
        let all = file.settlements(SettlementIndex::default()).unwrap();
        let told: Vec<_> = all.iter().map(|s| (s.payment_hash, s.paid)).collect();
        let (first, second) = ((hash(2), Msat::new(20)), (hash(1), Msat::new(10)));
        assert_eq!(told, [first, second]);
        let index = all.first().unwrap().index;
        let later = file.settlements(index).unwrap();
        assert_eq!(later.first(), all.last());
        assert_eq!(later.len(), 1);
        assert_eq!(file.paid(&hash(2)).unwrap(), Some(Msat::new(20)));
        assert_eq!(file.paid(&hash(3)).unwrap(), None);
    }

    #[cfg(feature = "pay")]
    #[test]
    fn a_payment_is_begun_by_one_and_again_only_where_ldk_never_had_it() {
        let (_folder, file) = open();
        let begin = || file.begin(&hash(1), Msat::new(7), Msat::new(2)).unwrap();
        assert!(begin().is_none());
        assert!(matches!(begin(), Some(Entry::Begun { .. })));
        file.payment_refused(&hash(1), "no route").unwrap();
        assert!(matches!(begin(), Some(Entry::Refused(reason)) if reason == "no route"));
        assert!(matches!(begin(), Some(Entry::Begun { .. })));
        file.payment_settled(&[1; 32], &[9; 32], None).unwrap();
        file.payment_failed(&[1; 32], "too late").unwrap();
        let Some(Entry::Settled {
            preimage,
            paid,
            fee,
        }) = begin()
        else {
            panic!("it is settled")
        };
        assert_eq!((preimage, paid, fee), ([9; 32], Msat::new(7), Msat::new(2)));
        assert!(file.payment(&hash(2)).unwrap().is_none());
        let begin = || file.begin(&hash(3), Msat::new(7), Msat::new(2)).unwrap();
        assert!(begin().is_none());
        file.payment_failed(&[3; 32], "rejected").unwrap();
        file.payment_refused(&hash(3), "too late").unwrap();
        for _ in 0..2 {
            assert!(matches!(begin(), Some(Entry::Failed(reason)) if reason == "rejected"));
        }
    }
}
