//! The surroundings of a command: folder of state, clock, the name of the program, and the wallets that it
//! has opened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402_host::{Clock, SystemClock};
use l402_lightning::Lifecycle;

use crate::home::HomeFolder;

/// The longest that one wallet may take to end. What it has to keep is on disk by then or never.
const END_LIMIT: Duration = Duration::from_secs(20);

/// The part of a run that every command is given.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The name that the user called the program by, for hints at the next command.
    pub(crate) program: String,
    pub(crate) home: HomeFolder,
    pub(crate) clock: Arc<dyn Clock>,
    /// The background work of the wallets that the command has opened.
    pub(crate) opened: OpenWallets,
}

impl Context {
    /// Makes a context with the clock of the machine.
    pub(crate) fn new(program: String, home: HomeFolder) -> Self {
        Self {
            program,
            home,
            clock: Arc::new(SystemClock::default()),
            opened: OpenWallets::default(),
        }
    }
}

/// Wallets whose background work ends with the command, however that ends. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenWallets(Arc<Mutex<Vec<Lifecycle>>>);

impl OpenWallets {
    /// Has a wallet ended with the command that opened it.
    #[cfg(feature = "buy")]
    pub(crate) fn keep(&self, lifecycle: Lifecycle) {
        self.list().push(lifecycle);
    }

    /// Runs a command to its end, and then ends all wallets that it has opened.
    pub(crate) async fn ended_after<T>(&self, command: impl Future<Output = T>) -> T {
        let outcome = command.await;
        self.end(END_LIMIT).await;
        outcome
    }

    /// Ends all wallets, the newest first, each within the limit.
    async fn end(&self, limit: Duration) {
        let opened = core::mem::take(&mut *self.list());
        for lifecycle in opened.into_iter().rev() {
            let ended = tokio::time::timeout(limit, lifecycle.shutdown()).await;
            if ended.is_err() {
                tracing::warn!("a wallet has not ended in time; it is left as it is");
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<Lifecycle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "buy"))]
mod tests {
    use super::*;

    /// Notes in a list that a wallet, or the command, has ended.
    async fn note(list: Arc<Mutex<Vec<&'static str>>>, what: &'static str) {
        list.lock().expect("no panic before").push(what);
    }

    #[tokio::test]
    async fn every_wallet_ends_after_the_command_also_if_that_fails() {
        for outcome in [Ok(7), Err("over budget")] {
            let (opened, list) = (OpenWallets::default(), Arc::default());
            let ending = |what| Lifecycle::ending_with(note(Arc::clone(&list), what));
            opened.keep(Lifecycle::default());
            opened.keep(ending("first"));
            let command = async {
                // As one that is opened late, by a clone of the context.
                opened.clone().keep(ending("second"));
                note(Arc::clone(&list), "command").await;
                outcome
            };
            assert_eq!(opened.ended_after(command).await, outcome);
            assert_eq!(*list.lock().unwrap(), ["command", "second", "first"]);
        }
    }

    #[tokio::test]
    async fn a_wallet_that_does_not_end_keeps_no_other_from_ending() {
        let (opened, list) = (OpenWallets::default(), Arc::default());
        opened.keep(Lifecycle::ending_with(note(Arc::clone(&list), "first")));
        opened.keep(Lifecycle::ending_with(core::future::pending()));
        opened.end(Duration::ZERO).await;
        assert_eq!(*list.lock().unwrap(), ["first"]);
    }
}
