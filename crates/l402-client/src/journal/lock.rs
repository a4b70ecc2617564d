//! Locks for one purchase at a time, which end with the process that holds them, even by kill -9.
//!
//! Two kinds, both files in `FOLDER/locks/`. A [`Flight`] is the right to buy at one origin and
//! path. A [`Claim`] is the right to use one paid purchase that has not been served yet. A lock that
//! is given up takes its file away, so that a file that is left was left by a crash.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use l402::PaymentHash;
use l402_host::FileLock;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use crate::Error;

/// The place of a purchase: origin and path. A server may ask another price at another path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) origin: String,
    /// The header `Host` that the caller set by hand, in lower case: the server may be another one.
    pub(crate) host: Option<String>,
    pub(crate) path: String,
}

impl Scope {
    pub(crate) fn of(url: &url::Url, host: Option<String>) -> Self {
        Self {
            origin: url.origin().ascii_serialization(),
            host,
            path: url.path().to_owned(),
        }
    }

    /// Returns the place of invoices of this payee, a public key in hexadecimal.
    pub(crate) fn of_payee(payee: &str) -> Self {
        Self {
            origin: format!("lightning:{payee}"),
            host: None,
            path: String::new(),
        }
    }

    /// Returns the place of one payment, to be locked: an invoice waits for no other of its payee.
    pub(crate) fn of_one_payment(self, hash: &PaymentHash) -> Self {
        Self {
            path: hash.to_string(),
            ..self
        }
    }

    /// Returns the name of the seller: the origin, and the host where the caller set another.
    pub(crate) fn seller(&self) -> String {
        match &self.host {
            None => self.origin.clone(),
            Some(host) => format!("{} (host {host})", self.origin),
        }
    }

    /// Returns the name of the lock file. An origin holds no line feed and a path none either, so no
    /// two scopes share a name.
    fn lock_name(&self) -> String {
        let mut text = format!("{}\n{}", self.origin, self.path);
        if let Some(host) = &self.host {
            text += &format!("\n{host}");
        }
        // A path may be longer than a file name, and hold characters that a file name must not.
        hex::encode(Sha256::digest(text))
    }
}

/// The right to buy in one scope, exclusive among all tasks and processes on one folder.
#[derive(Debug)]
pub(crate) struct Flight {
    // Fields are dropped in this order, so the file is free when the next task here wants it.
    _file: FileLock,
    _here: OwnedMutexGuard<()>,
}

/// The right to present one purchase; see [`Locks::claim`].
#[derive(Debug)]
pub(crate) struct Claim {
    _file: FileLock,
}

type LocalQueue = tokio::sync::Mutex<()>;

/// The locks of one folder. Tasks of one process wait in a queue in memory, so that a
/// thousand of them cost one file lock at a time and no blocked thread.
#[derive(Debug)]
pub(crate) struct Locks {
    folder: PathBuf,
    here: Mutex<HashMap<String, Weak<LocalQueue>>>,
}

impl Locks {
    /// Takes the locks of a folder, which must exist.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            here: Mutex::default(),
        }
    }

    /// Waits for the right to buy in `scope`. Dropping the future gives up the place in the queue.
    pub(crate) async fn flight(&self, scope: &Scope) -> Result<Flight, Error> {
        let name = scope.lock_name();
        // In memory first, or a thousand tasks of this process would poll the file at once.
        let here = self.local_queue(&name).lock_owned().await;
        let path = self.folder.join(name);
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(file) = FileLock::try_take(&path)? {
                return Ok(Flight {
                    _file: file,
                    _here: here,
                });
            }
            // Polled: a wait in the kernel would block a thread, and could not be given up.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Takes the right to buy in `scope`, or returns `None` if somebody else has it.
    pub(crate) fn try_flight(&self, scope: &Scope) -> Result<Option<Flight>, Error> {
        let name = scope.lock_name();
        let Ok(here) = self.local_queue(&name).try_lock_owned() else {
            return Ok(None);
        };
        let file = FileLock::try_take(&self.folder.join(name))?;
        Ok(file.map(|file| Flight {
            _file: file,
            _here: here,
        }))
    }

    /// Claims a purchase, or returns `None` if somebody else is using it. The caller must read its
    /// state again: it may have been served just before.
    pub(crate) fn claim(&self, hash: &PaymentHash) -> Result<Option<Claim>, Error> {
        let path = self.folder.join(format!("{hash}.use"));
        let file = FileLock::try_take(&path)?;
        Ok(file.map(|file| Claim { _file: file }))
    }

    fn local_queue(&self, name: &str) -> Arc<LocalQueue> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = here.get(name).and_then(Weak::upgrade) {
            return queue;
        }
        // Swept when a scope is added, so that the map stays as small as the number in use.
        here.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(LocalQueue::default());
        here.insert(name.to_owned(), Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_at_a_time_flies_though_each_takes_the_file_away() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Arc::new(Locks::new(folder.path().to_owned()));
        let (locks, busy) = ([open(), open()], Arc::new(AtomicBool::new(false)));
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..200_usize {
            let (locks, busy) = (locks[at % 2].clone(), busy.clone());
            let scope = Scope::of(&"https://a.example/x".parse().unwrap(), None);
            tasks.spawn(async move {
                let flight = locks.flight(&scope).await.unwrap();
                assert!(!busy.swap(true, Ordering::SeqCst));
                tokio::task::yield_now().await;
                busy.store(false, Ordering::SeqCst);
                drop(flight);
            });
        }
        tasks.join_all().await;
        assert_eq!(
            folder.path().read_dir().unwrap().count(),
            usize::from(cfg!(not(unix)))
        );
    }
}
