//! The handle on the database.

use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, PoisonError};

use l402_host::PostgresUrl;
use l402_host::postgres::{Blocking, Notifications, PostgresError, Target, migrate};
use tokio_postgres::Client;

use crate::ledger::LedgerError;
use crate::ledger::postgres::{STEPS, within};

/// The register in the database of a [`PostgresLedger`](crate::ledger::PostgresLedger). Keeps its connection, and makes it
/// again if it breaks. Not for a thread of an asynchronous runtime.
#[derive(Debug)]
pub struct PostgresRegister {
    place: String,
    link: Mutex<Link>,
    /// Counts the calls of [`Changes::changed`](crate::ledger::register::Changes::changed) since the last failure.
    pub(super) asked: AtomicU32,
}

#[derive(Debug)]
struct Link {
    connection: Blocking,
    /// True once the tables are those of this version.
    migrated: bool,
}

impl PostgresRegister {
    /// Names the database. Connects to nothing.
    ///
    /// # Errors
    /// [`LedgerError`] if the address is wrong, or the system has no socket.
    pub fn at(url: &PostgresUrl) -> Result<Self, LedgerError> {
        let place = url.to_string();
        let failed = |error: PostgresError| LedgerError::database(&place, error);
        let target = Target::read(url).map_err(failed)?;
        let connection = Blocking::new(target).map_err(failed)?;
        Ok(Self {
            link: Mutex::new(Link {
                connection,
                migrated: false,
            }),
            asked: AtomicU32::new(0),
            place,
        })
    }

    /// Does something on the connection, within some seconds. Makes or upgrades the tables before.
    pub(super) fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client, &mut Notifications) -> Result<T, PostgresError>,
    ) -> Result<T, LedgerError> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.run(work)
            .map_err(|error| LedgerError::database(&self.place, error))
    }

    /// The error of rows that no version writes.
    pub(super) fn damaged(&self) -> LedgerError {
        let fault = "a row holds what was never written".to_owned();
        LedgerError::recovery(Path::new(&self.place), l402_host::FileFault::Damaged(fault))
    }
}

impl Link {
    fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client, &mut Notifications) -> Result<T, PostgresError>,
    ) -> Result<T, PostgresError> {
        if !self.migrated {
            self.connection
                .run(async |client, _| within(migrate(client, "ledger", STEPS)).await)?;
            self.migrated = true;
        }
        self.connection
            .run(async |client, told| within(work(client, told)).await)
    }
}
