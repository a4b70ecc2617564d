//! The buyer: everything that all clones of a client share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::Clock;
use tokio::sync::Semaphore;

use super::wallet::Wallet;
use crate::hook::PaymentHook;
use crate::http::{Http, Spool};
use crate::journal::{Journal, Purchase};
use crate::{BudgetName, Cookies, Event, Limits, Progress};

/// The state that all clones of a client share.
#[derive(Clone)]
pub(crate) struct Buyer {
    pub(crate) journal: Journal,
    pub(crate) http: Http,
    pub(crate) spool: Spool,
    pub(crate) wallet: Wallet,
    pub(crate) limits: Limits,
    /// The budget that payments count against.
    pub(crate) budget: BudgetName,
    /// Uses what was paid from this budget alone.
    pub(crate) own_only: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Option<Arc<dyn Progress>>,
    pub(crate) cookies: Option<Arc<dyn Cookies>>,
    pub(crate) follow_redirects: bool,
    pub(crate) keep_method: bool,
    /// The longest that a call waits for another purchase of the same scope.
    pub(crate) patience: Duration,
    pub(crate) payment_deadline: Duration,
    /// The longest that a call waits in all where servers answer 429.
    pub(crate) rate_limit_patience: Duration,
    pub(crate) plain_http: bool,
    /// Buys of sellers who took money for nothing.
    pub(crate) despite_stop: bool,
    /// The pauses before a credential that was refused without a reason is presented again.
    pub(crate) settle_pauses: [Duration; 2],
    /// See [`Payer::body_challenge`](crate::examine::Payer).
    pub(crate) body_challenge: bool,
    /// The most redirects of one try.
    pub(crate) max_redirects: usize,
    /// True if nobody knows who answers, and the caller has not said to pay all the same.
    pub(crate) is_unverified: bool,
    /// See [`PaymentHook`].
    pub(crate) hook: Option<Arc<dyn PaymentHook>>,
    pub(crate) hook_time: Duration,
    /// Pays a seller whose node is another one than before.
    pub(crate) new_payee: bool,
    /// The places of those who ask ahead of the queue.
    pub(crate) ahead: Arc<Semaphore>,
    /// A place for each payment that is under way.
    pub(crate) paying: Arc<Semaphore>,
    /// Wall and monotonic time of the start: see [`Buyer::window_time`].
    pub(crate) started: (UnixTime, Duration),
}

impl Buyer {
    /// Returns the budget of which purchases may be used, `None` if those of all may.
    pub(super) fn usable_budget(&self) -> Option<&BudgetName> {
        self.own_only.then_some(&self.budget)
    }

    /// Returns true if what a row has bought may be used.
    pub(super) fn may_use(&self, row: &Purchase) -> bool {
        self.usable_budget().is_none_or(|own| row.budget == *own)
    }

    pub(crate) fn notify(&self, event: &Event) {
        let Some(progress) = &self.progress else {
            return;
        };
        // A panic of the caller's code would end the task that pays, and leave unknown what is not.
        let told = catch_unwind(AssertUnwindSafe(|| progress.event(event)));
        if told.is_err() {
            tracing::error!("the receiver of events panicked; the purchase goes on");
        }
    }

    /// Returns the time at which the budget's window ends. While this client lives, it passes no
    /// faster than the monotonic clock, so that a wall clock set forward frees no budget. A clock set
    /// back frees none either, since purchases that are dated ahead count.
    pub(crate) fn window_time(&self) -> UnixTime {
        // The two functions err to opposite sides, each to the one that makes the day longer.
        self.clock.wall().min(self.steady_time())
    }

    /// Returns the time to date money with. It never falls behind the monotonic clock, so that a wall
    /// clock set back dates nothing out of the window. Between one run and the next, the journal's
    /// newest date is a bound of the same kind.
    pub(crate) fn dating_time(&self) -> UnixTime {
        self.clock.wall().max(self.steady_time())
    }

    /// Returns the wall clock of the start plus the monotonic time since then.
    fn steady_time(&self) -> UnixTime {
        let (wall, monotonic) = self.started;
        wall.saturating_add(self.clock.monotonic().saturating_sub(monotonic))
    }
}
