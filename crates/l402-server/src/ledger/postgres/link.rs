//! A connection of the ledger, with its statements.

use std::time::Duration;

use l402_host::postgres::{PostgresError, Target, connect};
use tokio::time::timeout;
use tokio_postgres::{Client, Statement};

use super::{reserve, settle};

/// The longest wait for an answer of the database. Below the time that a lease is believed in.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The settings of each connection: an answer means that a commit is on disk, and nothing waits for long.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SET synchronous_commit = on;
    SET statement_timeout = '4s';
    SET lock_timeout = '2s';";

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) reserve: Statement,
    pub(super) settle: Statement,
}

impl Link {
    /// Connects, and prepares the statements.
    pub(super) async fn open(target: &Target) -> Result<Self, PostgresError> {
        within(async {
            let client = plain(target).await?;
            let failed = |error: tokio_postgres::Error| PostgresError::of_statement(&error);
            // Prepared once: the server reads and plans each of them for the first batch alone.
            let reserve = reserve::prepare(&client).await.map_err(failed)?;
            let settle = settle::prepare(&client).await.map_err(failed)?;
            Ok(Self {
                client,
                reserve,
                settle,
            })
        })
        .await
    }
}

/// Connects without preparing anything.
pub(super) async fn plain(target: &Target) -> Result<Client, PostgresError> {
    // Notifications are the register's; this connection hears none.
    let (client, _) = connect(target).await?;
    let set = client.batch_execute(SETTINGS).await;
    set.map_err(|error| PostgresError::of_statement(&error))?;
    Ok(client)
}

/// Waits for an answer, and no longer than it may take.
pub(in crate::ledger) async fn within<T>(
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(PostgresError::timed_out()))
}
