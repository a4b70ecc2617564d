//! Starts and stops what records and what delivers.

use core::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use l402_host::{Clock, FileLock};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::recorder::{self, Flush};
use super::store::{Store, StoreError};
use super::target::Target;
use super::worker;
use crate::notice::{Kinds, NoticeKind, Notices};

/// What recorder and workers share.
pub(super) struct Office {
    home: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) targets: ArcSwap<Vec<Arc<Target>>>,
    /// Wakes the workers when something was written down.
    pub(super) wake: Notify,
    /// Opened when there is a target: without one, the home gets no file.
    store: Mutex<Option<Arc<Store>>>,
    /// Held by the one process that delivers for this home.
    lock: Mutex<Option<FileLock>>,
    /// True once the next process of an upgrade delivers.
    has_left: AtomicBool,
}

impl Office {
    /// Does something with the file, on a thread that may block.
    pub(super) async fn on_store<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let office = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&*office.store()?)).await?
    }

    fn store(&self) -> Result<Arc<Store>, StoreError> {
        let mut opened = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*opened {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(Store::open(&self.home)?);
        *opened = Some(Arc::clone(&store));
        Ok(store)
    }

    /// Returns true if this process delivers for the home. Of two gateways of one home, one does.
    pub(super) fn delivers(&self) -> Result<bool, StoreError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock of the field: a worker that asks meanwhile must not take the file again.
        if self.has_left.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if lock.is_none() {
            *lock = FileLock::try_take(&self.home.join("webhooks.lock"))?;
        }
        Ok(lock.is_some())
    }
}

/// The recorder, and a worker for each target. They end when this is dropped.
pub(crate) struct PostOffice {
    office: Arc<Office>,
    runtime: Handle,
    kinds: Kinds,
    flush: mpsc::Sender<Flush>,
    recorder: JoinHandle<()>,
    workers: Mutex<Vec<(Arc<Target>, JoinHandle<()>)>>,
}

impl fmt::Debug for PostOffice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostOffice").finish_non_exhaustive()
    }
}

impl PostOffice {
    /// Starts without targets: nothing is listened for, and no file is opened.
    pub(crate) fn start(
        home: PathBuf,
        clock: Arc<dyn Clock>,
        notices: &Notices,
        runtime: Handle,
    ) -> Self {
        let office = Arc::new(Office {
            home,
            clock,
            targets: ArcSwap::default(),
            wake: Notify::new(),
            store: Mutex::default(),
            lock: Mutex::default(),
            has_left: AtomicBool::default(),
        });
        let kinds = Kinds::default();
        let (flush, flushes) = mpsc::channel(1);
        // Here and not in the task, so that no notice is missed before the task runs.
        let listener = notices.listen_for(kinds.clone());
        let recorder = runtime.spawn(recorder::record(Arc::clone(&office), listener, flushes));
        Self {
            office,
            runtime,
            kinds,
            flush,
            recorder,
            workers: Mutex::default(),
        }
    }

    /// Delivers to these targets from now on, and to no others. A delivery under way to one that goes
    /// or changes is broken off, and counts as not made.
    pub(crate) fn set(&self, targets: Vec<Arc<Target>>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = core::mem::take(&mut *workers);
        for target in &targets {
            let kept = before.iter().position(|(old, _)| old.is_same(target));
            workers.push(match kept {
                Some(index) => before.swap_remove(index),
                None => {
                    let work = worker::work(Arc::clone(&self.office), Arc::clone(target));
                    (Arc::clone(target), self.runtime.spawn(work))
                }
            });
        }
        for (_, worker) in before {
            worker.abort();
        }
        let wanted = targets.iter().flat_map(|target| &target.settings.events);
        self.kinds.set(wanted.copied());
        self.office.targets.store(Arc::new(targets));
    }

    /// Delivers no more, because the next process of an upgrade does. Sales and payments that end here are
    /// still written down for it; of the rest it tells itself. A delivery under way is broken off, and made
    /// again under the same id.
    pub(crate) fn leave(&self) {
        let targets = self.office.targets.load();
        let wanted = targets.iter().flat_map(|target| &target.settings.events);
        let ends_here = |kind: &NoticeKind| matches!(kind, NoticeKind::Sale | NoticeKind::Settled);
        self.kinds.set(wanted.copied().filter(ends_here));
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, worker) in workers.drain(..) {
            worker.abort();
        }
        // A worker that is aborted may still be at the file, and must not take the lock again.
        let mut lock = self
            .office
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.office.has_left.store(true, Ordering::Relaxed);
        *lock = None;
    }

    /// Returns the wait until what was told so far is written down.
    pub(crate) fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        let flush = self.flush.clone();
        async move {
            let (send, receive) = oneshot::channel();
            if flush.send(send).await.is_ok() {
                // An error means that the recorder has ended, and has written what it had.
                let _ = receive.await;
            }
        }
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.recorder.abort();
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, worker) in workers.drain(..) {
            worker.abort();
        }
    }
}
