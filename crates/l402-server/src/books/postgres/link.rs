//! The connection: transactions that write, their locks, and the longest waits.

use std::time::Duration;

use l402_host::postgres::PostgresError;
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

/// The longest wait for entries that are written.
pub(super) const WRITING: Duration = Duration::from_secs(10);

/// The longest wait for a look at many entries.
pub(super) const READING: Duration = Duration::from_secs(300);

/// The number of the advisory lock that those who append share, and who prunes has alone.
const BOOKS: i64 = 0x6c34_626b;

/// Settings of a transaction that appends: a commit is on disk, and a connection that is gone holds no lock for long.
const SETTINGS: &str = "
    SET LOCAL synchronous_commit = on;
    SET LOCAL statement_timeout = '8s';
    SET LOCAL lock_timeout = '3s';
    SET LOCAL idle_in_transaction_session_timeout = '15s'";

/// Settings of one that prunes, for which the others wait.
const PATIENT: &str = "
    SET LOCAL synchronous_commit = on;
    SET LOCAL statement_timeout = '5min';
    SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '1min'";

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(in crate::books) fn failed(error: Error) -> PostgresError {
    PostgresError::of_statement(&error)
}

/// Begins a transaction of a writer. Its lock ends with the transaction, so that whoever has it next knows
/// what has become of it.
pub(super) async fn begin(client: &mut Client, writer: i64) -> Result<Transaction<'_>, Error> {
    let tx = start(client, SETTINGS).await?;
    let sql = "SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock($2)";
    tx.execute(sql, &[&BOOKS, &writer]).await?;
    Ok(tx)
}

/// Begins a transaction beside which nobody appends.
pub(super) async fn begin_alone(client: &mut Client) -> Result<Transaction<'_>, Error> {
    let tx = start(client, PATIENT).await?;
    lock_alone(&tx).await?;
    Ok(tx)
}

/// Waits until nobody appends, and lets nobody until the end of the transaction.
pub(in crate::books) async fn lock_alone(tx: &Transaction<'_>) -> Result<(), Error> {
    let sql = "SELECT pg_advisory_xact_lock($1)";
    tx.execute(sql, &[&BOOKS]).await.map(|_| ())
}

async fn start<'a>(client: &'a mut Client, settings: &str) -> Result<Transaction<'a>, Error> {
    // Each statement sees what others have committed before it.
    let begin = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted);
    let tx = begin.start().await?;
    tx.batch_execute(settings).await?;
    Ok(tx)
}

/// Waits for an answer, and no longer than `most`.
pub(super) async fn within<T>(
    most: Duration,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout(most, work)
        .await
        .unwrap_or_else(|_| Err(PostgresError::timed_out()))
}
