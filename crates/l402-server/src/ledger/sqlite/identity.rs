//! The statements about the identity of a ledger: one row, and a row for each key.

use std::collections::BTreeMap;

use l402::{KeyNumber, UnixTime};
use rusqlite::{Connection, Transaction};

use crate::ledger::{LedgerId, LedgerIdentity};

/// Reads what the file says of itself.
pub(in crate::ledger) fn read(connection: &Connection) -> rusqlite::Result<LedgerIdentity> {
    let sql = "SELECT id, epoch, latest, number, uses_from FROM ledger";
    let mut identity = connection.query_row(sql, [], row)?;
    let mut query = connection.prepare("SELECT number, fingerprint FROM keys")?;
    let keys = query.query_map([], |row| Ok((KeyNumber(row.get(0)?), row.get(1)?)))?;
    identity.fingerprints = keys.collect::<rusqlite::Result<_>>()?;
    Ok(identity)
}

/// Writes it. A fingerprint that is new is noted with this time.
pub(in crate::ledger) fn write(
    tx: &Transaction<'_>,
    identity: &LedgerIdentity,
    now: UnixTime,
) -> rusqlite::Result<()> {
    let id = identity.id.as_ref().map(LedgerId::as_bytes);
    let number = identity.number.map(|number| number.0);
    let (latest, from) = (identity.latest.secs(), identity.uses_from.0);
    let sql = "UPDATE ledger SET id = ?1, epoch = ?2, latest = ?3, number = ?4, uses_from = ?5";
    tx.execute(sql, (id, identity.epoch, latest, number, from))?;
    for (number, fingerprint) in &identity.fingerprints {
        let sql = "INSERT INTO keys (number, fingerprint, began) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (number) DO UPDATE SET fingerprint = ?2, began = ?3 \
                   WHERE fingerprint != ?2";
        tx.execute(sql, (number.0, fingerprint, now.secs()))?;
    }
    Ok(())
}

/// Adds 1 to the epoch, and moves the latest time forward to this one. Returns what stands in the
/// file then, without the fingerprints: another process may have moved either further.
pub(super) fn grow(tx: &Transaction<'_>, time: UnixTime) -> rusqlite::Result<LedgerIdentity> {
    let sql = "UPDATE ledger SET epoch = epoch + 1, latest = max(latest, ?1) \
               RETURNING id, epoch, latest, number, uses_from";
    tx.prepare_cached(sql)?.query_row([time.secs()], row)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<LedgerIdentity> {
    Ok(LedgerIdentity {
        id: row.get::<_, Option<[u8; 16]>>(0)?.map(LedgerId::from_bytes),
        epoch: row.get(1)?,
        latest: UnixTime::from_secs(row.get(2)?),
        number: row.get::<_, Option<u16>>(3)?.map(KeyNumber),
        uses_from: KeyNumber(row.get(4)?),
        fingerprints: BTreeMap::new(),
    })
}
