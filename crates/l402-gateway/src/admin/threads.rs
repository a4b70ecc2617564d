//! The threads for what blocks: stores and files. Those who look wait for one another, and hold up no change.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// The looks at the same time.
const LOOKS: usize = 4;

/// The changes at the same time. They wait for one another, but for the end of the program.
const CHANGES: usize = 4;

/// The threads of all: beside those, one asks the ledger how it is, and one reads the books for pages.
pub(super) const THREADS: usize = LOOKS + CHANGES + 2;

/// The right to a thread.
#[derive(Debug)]
pub(crate) struct Threads {
    looks: Arc<Semaphore>,
    changes: Arc<Semaphore>,
}

impl Default for Threads {
    fn default() -> Self {
        Self {
            looks: Arc::new(Semaphore::new(LOOKS)),
            changes: Arc::new(Semaphore::new(CHANGES)),
        }
    }
}

impl Threads {
    /// Looks something up. Waits for a thread first, and is forgotten with a client that goes away by then.
    ///
    /// # Errors
    /// [`JoinError`] if the work panicked.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        run(&self.looks, work).await
    }

    /// Changes something. A change that has begun runs to its end, if nobody waits for it any more.
    ///
    /// # Errors
    /// [`JoinError`] if the work panicked.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        run(&self.changes, work).await
    }
}

async fn run<T: Send + 'static>(
    free: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // Never closed, so there is always one.
    let one = Arc::clone(free).acquire_owned().await;
    let working = spawn_blocking(move || {
        let done = work();
        // Held by the work, which goes on if its caller leaves.
        drop(one);
        done
    });
    working.await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn looks_that_hang_hold_up_no_change() {
        let threads = Arc::new(Threads::default());
        let (release, hanging) = mpsc::channel::<()>();
        let hanging = Arc::new(std::sync::Mutex::new(hanging));
        let looks: Vec<_> = (0..10 * LOOKS)
            .map(|_| {
                let (threads, hanging) = (Arc::clone(&threads), Arc::clone(&hanging));
                let hangs = move || hanging.lock().unwrap().recv().is_err();
                tokio::spawn(async move { threads.look(hangs).await })
            })
            .collect();
        while threads.looks.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let changed = timeout(Duration::from_secs(60), threads.change(|| 7)).await;
        assert_eq!(changed.expect("no look is waited for").unwrap(), 7);
        assert_eq!(threads.looks.available_permits(), 0);
        drop(release);
        for look in looks {
            assert!(look.await.unwrap().unwrap());
        }
    }
}
