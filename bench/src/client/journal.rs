//! The journal of a buyer, filled with purchases of before.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{BenchError, Result, While};

/// The path that filled rows begin with.
const FILLED: &str = "/before/";

/// Adds rows up to this number: copies of the first purchase, at other paths, each a minute older.
///
/// # Errors
/// If the file is no journal.
pub(super) fn fill(file: &Path, rows: u32) -> Result<()> {
    let mut db = open(file)?;
    let columns = columns(&db)?;
    let value = |name: &String| match name.as_str() {
        "payment_hash" => "randomblob(32)".to_owned(),
        "path" => format!("'{FILLED}' || n.i"),
        "created" | "updated" | "paid_at" => format!("{name} - 60 * n.i"),
        name => name.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT (SELECT count(*) FROM purchase) \
         UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) \
         INSERT INTO purchase ({}) SELECT {} FROM n, (SELECT * FROM purchase \
         WHERE path NOT LIKE '{FILLED}%' LIMIT 1) WHERE n.i < ?1",
        columns.join(", "),
        values.join(", ")
    );
    let tx = db.transaction().while_doing("filling the journal")?;
    tx.execute(&sql, [rows])
        .while_doing("filling the journal")?;
    tx.commit().while_doing("filling the journal")
}

/// Checks that no run but the first has paid.
///
/// # Errors
/// If one has.
pub(super) fn must_have_paid_once(file: &Path) -> Result<()> {
    let sql = format!("SELECT count(*) FROM purchase WHERE path NOT LIKE '{FILLED}%'");
    let paid: u32 = open(file)?
        .query_row(&sql, [], |row| row.get(0))
        .while_doing("counting purchases")?;
    match paid {
        1 => Ok(()),
        paid => Err(BenchError::new(format!("{paid} payments for one token"))),
    }
}

fn open(file: &Path) -> Result<Connection> {
    Connection::open(file).while_doing(file.display())
}

fn columns(db: &Connection) -> Result<Vec<String>> {
    let mut found = db
        .prepare("SELECT name FROM pragma_table_info('purchase')")
        .while_doing("reading the journal")?;
    let names = found.query_map([], |row| row.get(0));
    names
        .and_then(Iterator::collect)
        .while_doing("reading the journal")
}
