//! The question if somebody has written to the database.

use std::sync::atomic::Ordering;
use std::time::Duration;

use l402_host::postgres::PostgresError;
use tokio::time::timeout;

use super::PostgresRegister;
use crate::ledger::LedgerError;
use crate::ledger::register::Changes;

/// The channel on which writers tell of changes.
const LISTEN: &str = "LISTEN l402";

/// The time in which a message is taken that has arrived. The connection works only while it is asked.
const LOOK: Duration = Duration::from_millis(1);

/// Among so many calls one says that there may be changes, whatever was heard: a message can be lost with
/// its connection.
const ONE_OF: u32 = 4;

impl Changes for PostgresRegister {
    /// Looks for messages of writers, without a question to the server. One call of four is true without
    /// one.
    fn changed(&self) -> Result<bool, LedgerError> {
        let count = self.asked.fetch_add(1, Ordering::Relaxed);
        let heard = if count.is_multiple_of(ONE_OF) {
            // Again each time: the connection may be another one.
            self.with(async |client, _| {
                let listens = client.batch_execute(LISTEN).await;
                listens.map_err(|error| PostgresError::of_statement(&error))?;
                Ok(true)
            })
        } else {
            self.with(async |_, told| {
                let first = timeout(LOOK, told.next()).await;
                told.take();
                // `None` if the connection has ended: what is asked next has another one.
                Ok(first.is_ok())
            })
        };
        if heard.is_err() {
            self.asked.store(0, Ordering::Relaxed);
        }
        heard
    }
}
