//! The tables of each part of the program, and the way from older ones to those of today.

use tokio_postgres::Client;

use super::{PostgresError, PostgresErrorKind};

/// The number of the advisory lock that one program at a time migrates under. Nothing else takes it, and no
/// request waits for it.
const LOCK: i64 = 0x6c34_3032;

/// Brings the tables of a part (such as "ledger") to the newest version that this program knows: one
/// step a version, all in one transaction. Of two programs that start at once, one waits.
///
/// # Errors
/// [`PostgresErrorKind::Newer`] if a newer program has been here; then, and after every other error, nothing
/// has changed.
pub async fn migrate(
    client: &mut Client,
    part: &'static str,
    steps: &[&str],
) -> Result<(), PostgresError> {
    let failed = |error: tokio_postgres::Error| PostgresError::of_statement(&error);
    // One transaction for all steps: a program that dies half-way leaves the tables as they were.
    let tx = client.transaction().await.map_err(failed)?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await
        .map_err(failed)?;
    tx.batch_execute(
        "CREATE TABLE IF NOT EXISTS l402_schema (part text PRIMARY KEY, version integer NOT NULL)",
    )
    .await
    .map_err(failed)?;
    // Read under the lock: of two that wait, the second finds what the first has done.
    let sql = "SELECT version FROM l402_schema WHERE part = $1";
    let row = tx.query_opt(sql, &[&part]).await.map_err(failed)?;
    // A table of another program has another type there.
    let found: i32 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(|_| {
        let text = "the table l402_schema belongs to another program; name a database of its own";
        PostgresError::new(PostgresErrorKind::Invalid, text)
    })?;
    let known = i32::try_from(steps.len()).unwrap_or(i32::MAX);
    if found > known {
        let text = format!(
            "a newer version of this program made the tables of the {part} (format {found}, this one \
             knows {known}); they are left as they are, upgrade"
        );
        return Err(PostgresError::new(PostgresErrorKind::Newer, text));
    }
    for step in steps
        .iter()
        .skip(usize::try_from(found).unwrap_or_default())
    {
        tx.batch_execute(step).await.map_err(failed)?;
    }
    if found < known {
        let sql =
            "INSERT INTO l402_schema VALUES ($1, $2) ON CONFLICT (part) DO UPDATE SET version = $2";
        tx.execute(sql, &[&part, &known]).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}
