//! A few connections that only read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::schema::BUSY;
use crate::store::StoreError;

/// The number of connections: so many questions are answered at once, the others wait.
const READERS: usize = 4;

/// The memory of one connection for pages of the file, in KiB: enough for the index of filters with 100,000
/// listings. The file is not mapped into memory, because an error of the disk would then end the program.
const CACHE_KIB: i64 = 24 * 1024;

/// The connections that read. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections to a file that is there.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let idle: Vec<Connection> = (0..READERS)
            .map(|_| connect(path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            free: Arc::new(Semaphore::new(idle.len())),
            idle: Arc::new(Mutex::new(idle)),
        })
    }

    /// Answers a question in one transaction, on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let free = Arc::clone(&self.free).acquire_owned().await;
        let permit = free.map_err(|error| StoreError::Failed(error.to_string()))?;
        let idle = Arc::clone(&self.idle);
        let answer = tokio::task::spawn_blocking(move || {
            let lent = Lent::take(idle)?;
            let answer = lent.ask(question);
            // In this order: who gets the permit finds the connection.
            drop(lent);
            drop(permit);
            answer
        });
        answer
            .await
            .map_err(|error| StoreError::Failed(error.to_string()))?
    }
}

/// A connection that goes back when it is dropped.
struct Lent {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Lent {
    fn take(idle: Arc<Mutex<Vec<Connection>>>) -> Result<Self, StoreError> {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match connection {
            Some(_) => Ok(Self { connection, idle }),
            None => Err(StoreError::Failed("no connection is left".to_owned())),
        }
    }

    /// Asks in a transaction, so that all answers are of one moment.
    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.connection.as_ref();
        let connection =
            connection.ok_or_else(|| StoreError::Failed("no connection".to_owned()))?;
        let snapshot = connection.unchecked_transaction()?;
        let answer = question(&snapshot);
        // Nothing was written, so that this only ends the transaction.
        snapshot.rollback()?;
        answer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}

/// Opens a connection that cannot change the file.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
