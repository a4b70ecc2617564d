//! The one thread that changes the file.
//!
//! ```text
//!   change ──┐                 ┌── savepoint, change ──┐
//!   change ──┼─▶ queue ─▶ begin ── savepoint, change ──┼─▶ commit ─▶ tell each caller
//!   change ──┘                 └── …                   ┘
//! ```
//!
//! What has queued up goes into one transaction, because the disk is waited for once for each. A change
//! that fails is taken back alone.

use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::store::StoreError;

/// The most changes of one transaction: readers do not wait for it, other processes do.
const GROUP_MAX: usize = 64;

/// A change, which returns what is done after the commit.
type Change = Box<dyn FnOnce(&Connection) -> Done + Send>;

/// Tells the caller the outcome; with an error if the transaction did not become durable.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The way to the thread that writes. The thread ends when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    queue: Sender<Change>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, changes) = channel();
        std::thread::Builder::new()
            .name("l402-registry-store".to_owned())
            .spawn(move || run(&connection, &changes))?;
        Ok(Self { queue })
    }

    /// Makes a change in a transaction, and returns when it is durable. A caller that goes away does not
    /// take the change back.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, outcome) = oneshot::channel();
        let job: Change = Box::new(move |connection| {
            let made = in_savepoint(connection, change);
            Box::new(move |committed| {
                // Nobody may wait any more.
                let _ = tell.send(committed.and(made));
            })
        });
        let gone = || StoreError::Failed("the thread that writes has ended".to_owned());
        self.queue.send(job).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

/// Makes changes until nobody can send one any more.
fn run(connection: &Connection, changes: &Receiver<Change>) {
    while let Ok(first) = changes.recv() {
        let rest = changes.try_iter().take(GROUP_MAX - 1);
        commit(connection, std::iter::once(first).chain(rest));
    }
}

/// Makes these changes in one transaction, and tells each caller.
fn commit(connection: &Connection, changes: impl Iterator<Item = Change>) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    // Run even if none has begun: each change then fails by itself, and its caller is told.
    let done: Vec<Done> = changes.map(|change| change(connection)).collect();
    let committed = begun
        .and_then(|()| connection.execute_batch("COMMIT"))
        .map_err(|error| StoreError::Failed(error.to_string()));
    if committed.is_err() && !connection.is_autocommit() {
        // The transaction is still open if the disk is full, and would take in the next changes.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for tell in done {
        tell(committed.clone());
    }
}

/// Makes a change, and takes it back if it fails.
fn in_savepoint<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Without a transaction the savepoint would be one of its own, and the change durable by itself.
    if connection.is_autocommit() {
        return Err(StoreError::Failed("no transaction could begin".to_owned()));
    }
    connection.execute_batch("SAVEPOINT change")?;
    match change(connection) {
        Ok(made) => {
            connection.execute_batch("RELEASE change")?;
            Ok(made)
        }
        Err(error) => {
            connection.execute_batch("ROLLBACK TO change; RELEASE change")?;
            Err(error)
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
