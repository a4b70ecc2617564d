//! The state of the ledger, for those who ask often: one look at a time, whose result is good for a moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use l402_host::Clock;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The time for which a look is good.
const GOOD: Duration = Duration::from_secs(2);

/// The longest wait for a look.
const WAIT: Duration = Duration::from_secs(3);

/// The reason why the ledger cannot be used, `None` if it can.
type Why = Option<String>;

/// The last look at the ledger, and the one that is under way.
#[derive(Debug, Default)]
pub(crate) struct LedgerProbe {
    last: Arc<Mutex<Option<(Duration, Why)>>>,
    under_way: Mutex<Option<watch::Receiver<bool>>>,
}

impl LedgerProbe {
    /// Returns the reason why the ledger cannot be used. `look` finds it out, on a thread that may block, unless
    /// another look is under way or is still good.
    pub(super) async fn why_not(
        &self,
        clock: &Arc<dyn Clock>,
        look: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Why {
        if let Some((at, why)) = self.last()
            && clock.monotonic().saturating_sub(at) < GOOD
        {
            return why;
        }
        let mut ended = self.look(Arc::clone(clock), look);
        // One that takes longer goes on, and the next caller finds its result.
        match timeout(WAIT, ended.wait_for(|ended| *ended)).await {
            Ok(Ok(_)) => self.last().and_then(|(_, why)| why),
            Ok(Err(_)) => Some("the look at it broke off".to_owned()),
            Err(_) => Some("it does not answer in time".to_owned()),
        }
    }

    fn last(&self) -> Option<(Duration, Why)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Begins a look, unless one is under way. Returns what tells of its end.
    fn look(
        &self,
        clock: Arc<dyn Clock>,
        look: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> watch::Receiver<bool> {
        let under_way = self.under_way.lock();
        let mut under_way = under_way.unwrap_or_else(PoisonError::into_inner);
        // One that has panicked has no sender any more.
        let goes_on = |own: &&watch::Receiver<bool>| own.has_changed().is_ok() && !*own.borrow();
        if let Some(own) = under_way.as_ref().filter(goes_on) {
            return own.clone();
        }
        let (ends, ended) = watch::channel(false);
        let last = Arc::clone(&self.last);
        spawn_blocking(move || {
            let why = look().err();
            let seen = Some((clock.monotonic(), why));
            *last.lock().unwrap_or_else(PoisonError::into_inner) = seen;
            ends.send_replace(true);
        });
        *under_way = Some(ended.clone());
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_ledger_that_hangs_takes_one_thread_and_a_look_is_good_for_two_seconds() {
        let test_clock = l402_testkit::clock();
        let clock: Arc<dyn Clock> = test_clock.clone();
        let (probe, looks) = (
            Arc::new(LedgerProbe::default()),
            Arc::new(AtomicUsize::new(0)),
        );
        let (release, hanging) = mpsc::channel::<()>();
        let hanging = Arc::new(Mutex::new(hanging));
        let ask = || {
            let (probe, clock) = (Arc::clone(&probe), Arc::clone(&clock));
            let (looks, hanging) = (Arc::clone(&looks), Arc::clone(&hanging));
            let look = move || {
                looks.fetch_add(1, Ordering::SeqCst);
                let _ = hanging.lock().unwrap().recv();
                Err("no ledger".to_owned())
            };
            tokio::spawn(async move { probe.why_not(&clock, look).await })
        };
        let asked: Vec<_> = (0..20).map(|_| ask()).collect();
        while looks.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // From now on no look hangs.
        drop(release);
        for asked in asked {
            assert_eq!(asked.await.unwrap().as_deref(), Some("no ledger"));
        }
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        test_clock.advance(GOOD - Duration::from_millis(1));
        ask().await.unwrap();
        assert_eq!(looks.load(Ordering::SeqCst), 1, "it is still good");
        test_clock.advance(Duration::from_millis(1));
        ask().await.unwrap();
        assert_eq!(looks.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_look_that_breaks_off_is_no_good_one() {
        let clock: Arc<dyn Clock> = l402_testkit::clock();
        let probe = LedgerProbe::default();
        let broken = probe.why_not(&clock, || panic!("a test")).await;
        assert_eq!(broken.as_deref(), Some("the look at it broke off"));
        assert_eq!(probe.why_not(&clock, || Ok(())).await, None);
    }
}
