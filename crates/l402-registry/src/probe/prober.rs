//! One probe of one service, from its schedule to its new state.

use std::sync::Arc;
use std::time::Duration;

use l402_host::Clock;

use super::look::Crowded;
use super::robots::Robots;
use super::state::{Rhythm, Sight, judge};
use crate::fetch::{Fetcher, Pace, TIMEOUT};
use crate::store::{Due, Probed};

/// The time between two requests to one host, and to one address.
const PACE: Duration = Duration::from_secs(1);

/// The longest wait for a turn at an address. Who would wait longer comes back later, so that a crowd before
/// one address keeps nobody else waiting.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// The largest part by which a wait is longer or shorter, in permille.
const JITTER: i64 = 100;

/// Probes services: asks them as a client would, reads the 402, and decides on their state. It pays nothing.
///
/// No host and no address is asked more than once a second by all probes of one value together.
#[derive(Clone)]
pub struct Prober {
    pub(super) fetcher: Fetcher,
    pub(super) robots: Arc<Robots>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
    interval: Duration,
}

impl Prober {
    /// Makes a prober. `interval` is the time between two probes of a service that answers.
    #[must_use]
    pub fn new(fetcher: &Fetcher, clock: Arc<dyn Clock>, interval: Duration) -> Self {
        Self {
            fetcher: fetcher.paced(Arc::new(Pace::new(PACE, LONGEST_WAIT))),
            robots: Arc::default(),
            clock,
            timeout: TIMEOUT,
            interval,
        }
    }

    /// Sets the longest time for one request, its redirects included: 5 s by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Probes a service, due or not.
    ///
    /// # Errors
    /// [`Crowded`] if too many requests wait for its address already. Nothing was learned then.
    pub async fn probe(&self, due: &Due) -> Result<Probed, Crowded> {
        let looked = self.look(due).await?;
        let rhythm = Rhythm {
            interval: self.interval,
            jitter: fastrand::i64(-JITTER..=JITTER),
        };
        let at = self.clock.wall();
        let no_probe = matches!(looked.sight, Sight::Unwanted(..));
        Ok(Probed {
            at,
            health: judge(&due.health, looked.sight, at, rhythm),
            observed: looked.observed,
            no_probe,
        })
    }
}
