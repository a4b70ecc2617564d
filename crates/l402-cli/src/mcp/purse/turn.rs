//! The order of calls that are the same: one at a time, across processes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use l402_host::{FileError, FileLock, private};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::agent::Purse;
use super::progress::CallId;
use crate::text::hex::hex;

/// The right to make one call.
#[derive(Debug)]
pub(crate) struct Turn {
    // Fields are dropped in this order, so the file is free when the next task here wants it.
    _file: FileLock,
    _here: OwnedMutexGuard<()>,
}

type LocalQueue = tokio::sync::Mutex<()>;

/// The turns of one home.
pub(super) struct Turns {
    folder: PathBuf,
    here: Mutex<HashMap<String, Weak<LocalQueue>>>,
}

impl Turns {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            here: Mutex::default(),
        }
    }

    fn queue(&self, name: &str) -> Arc<LocalQueue> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        // Queues that nobody stands in are forgotten.
        here.retain(|_, queue| queue.strong_count() > 0);
        if let Some(queue) = here.get(name).and_then(Weak::upgrade) {
            return queue;
        }
        let queue = Arc::new(LocalQueue::new(()));
        here.insert(name.to_owned(), Arc::downgrade(&queue));
        queue
    }

    async fn take(&self, name: &str) -> Result<Turn, FileError> {
        // In memory first, or many calls of this process would poll the file at once.
        let here = self.queue(name).lock_owned().await;
        private::create_folder(&self.folder)?;
        let path = self.folder.join(name);
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(file) = FileLock::try_take(&path)? {
                return Ok(Turn {
                    _file: file,
                    _here: here,
                });
            }
            // Polled: a wait in the kernel would block a thread, and could not be given up.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

impl Purse {
    /// Waits for the right to make a call, `None` if another call that is the same takes longer.
    ///
    /// # Errors
    /// If the lock file cannot be made.
    pub(crate) async fn turn(
        &self,
        id: &CallId,
        patience: Duration,
    ) -> Result<Option<Turn>, FileError> {
        let text = format!("{}\n{}\n{}", self.agent, id.tool, id.stored_key());
        let name = hex(&Sha256::digest(text));
        let end = Instant::now() + patience;
        match tokio::time::timeout_at(end, self.turns.take(&name)).await {
            Ok(turn) => turn.map(Some),
            Err(_) => Ok(None),
        }
    }
}
