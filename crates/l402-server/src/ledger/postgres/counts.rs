//! A look at the counts of a database that gateways are using. Writes nothing.

use l402::PaymentHash;
use l402_host::PostgresUrl;
use l402_host::postgres::{Blocking, PostgresError, Target};
use tokio_postgres::types::Type;

use super::within;
use crate::ledger::LedgerError;

/// Reads how many units of a payment are spent, beside running gateways and without one. Not for a thread of
/// an asynchronous runtime.
#[derive(Debug)]
pub struct PostgresCounts {
    place: String,
    connection: Blocking,
}

impl PostgresCounts {
    /// Names the database. Connects to nothing.
    ///
    /// # Errors
    /// [`LedgerError`] if the address is wrong, or the system has no socket.
    pub fn at(url: &PostgresUrl) -> Result<Self, LedgerError> {
        let place = url.to_string();
        let failed = |error: PostgresError| LedgerError::database(&place, error);
        let target = Target::read(url).map_err(failed)?;
        let connection = Blocking::new(target).map_err(failed)?;
        Ok(Self { place, connection })
    }

    /// Returns the units of a payment that are spent and durable, or `None` if the ledger does not
    /// know it. Blocks for a moment.
    ///
    /// # Errors
    /// If the database cannot be read, or has no ledger.
    pub fn spent(&mut self, payment: PaymentHash) -> Result<Option<u64>, LedgerError> {
        let look = self.connection.run(async |client, _| {
            let hash = payment.as_bytes().as_slice();
            let sql = "SELECT used FROM l402_payments WHERE payment_hash = $1";
            within(async {
                let rows = client.query_typed(sql, &[(&hash, Type::BYTEA)]).await;
                rows.map_err(|error| PostgresError::of_statement(&error))
            })
            .await
        });
        let rows = look.map_err(|error| LedgerError::database(&self.place, error))?;
        // The table has no count below 0.
        Ok(rows.first().map(|row| row.get::<_, i64>(0).unsigned_abs()))
    }
}
