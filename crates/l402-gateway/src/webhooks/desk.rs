//! What the operator asks and does: the targets, the last deliveries, a replay, a test.

use std::path::{Path, PathBuf};

use l402::UnixTime;
use l402_host::Clock;

use super::courier::{self, TIME_LIMIT};
use super::message::Event;
use super::store::{Again, Counts, Delivery, Failure, Line, Store, StoreError};
use super::target;
use crate::config::{WebhookTarget, WebhooksSettings};
use crate::{Config, GatewayError, GatewayErrorKind};

/// The targets of a configuration and their deliveries, beside a running gateway or without one.
///
/// ```
/// use l402_gateway::{Config, WebhookDesk};
///
/// let home = tempfile::tempdir()?;
/// let desk = WebhookDesk::of(&Config::default(), home.path());
/// assert!(desk.list()?.is_empty(), "no target is configured");
/// assert!(desk.log(false, 50)?.is_empty(), "nothing was ever sent");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WebhookDesk {
    settings: WebhooksSettings,
    home: PathBuf,
}

/// A target, with its deliveries of the last seven days.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebhookLine {
    /// The name of the target: its scheme and host, and a hash of its whole URL.
    pub target: String,
    /// The names of the events that it wants.
    pub events: Vec<&'static str>,
    /// The number of deliveries that wait, for their turn or for the next attempt.
    pub waiting: u64,
    /// The number of events that arrived.
    pub delivered: u64,
    /// The number of events that were given up.
    pub failed: u64,
    /// The time of the last delivery that arrived.
    pub last: Option<UnixTime>,
    /// The time at which the receiver said that it wants nothing any more (410).
    pub gone: Option<UnixTime>,
}

/// One event to one target.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveryLine {
    /// The id, which is the same at every attempt.
    pub id: String,
    /// The type of the event.
    pub event: String,
    /// The time of the event.
    pub created: UnixTime,
    /// The name of the target.
    pub target: String,
    /// The state: `waits`, `delivered` or `failed`.
    pub state: &'static str,
    /// The number of attempts that failed.
    pub failures: u32,
    /// The time of the next attempt, if there is one.
    pub next: Option<UnixTime>,
    /// The time of the last attempt.
    pub tried: Option<UnixTime>,
    /// The status of the last answer, or the reason why there was none.
    pub outcome: String,
}

/// The deliveries that are to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Those of the event with this id.
    Event(String),
    /// Those that were given up.
    Failed,
    /// Those of all events since then, also of those that have arrived.
    Since(UnixTime),
}

impl WebhookDesk {
    /// Finds out which targets they are. Touches nothing.
    #[must_use]
    pub fn of(config: &Config, home: &Path) -> Self {
        Self {
            settings: config.live.webhooks.clone(),
            home: home.to_owned(),
        }
    }

    /// Returns each target of the configuration. Blocks for a moment.
    ///
    /// # Errors
    /// [`GatewayError`] if the file of deliveries cannot be read.
    pub fn list(&self) -> Result<Vec<WebhookLine>, GatewayError> {
        let store = Store::find(&self.home).map_err(unusable)?;
        let targets = self.settings.targets.iter();
        let lines = targets.map(|settings| {
            let name = target::name(settings);
            let counts = match &store {
                Some(store) => store.counts(&name).map_err(unusable)?,
                None => Counts::default(),
            };
            Ok(webhook_line(settings, name, counts))
        });
        lines.collect()
    }

    /// Returns the newest deliveries, the newest first; with `failed` those alone that were given up or
    /// wait after a failure. Blocks for a moment.
    ///
    /// # Errors
    /// [`GatewayError`] if the file of deliveries cannot be read.
    pub fn log(&self, failed: bool, most: u32) -> Result<Vec<DeliveryLine>, GatewayError> {
        let Some(store) = Store::find(&self.home).map_err(unusable)? else {
            return Ok(Vec::new());
        };
        let lines = store.newest(failed, most).map_err(unusable)?;
        Ok(lines.into_iter().map(delivery_line).collect())
    }

    /// Has deliveries sent again by the gateway, within a second if one runs, and returns their number.
    /// They have the ids that they had. Blocks for a moment.
    ///
    /// # Errors
    /// [`GatewayError`] if the file of deliveries cannot be written.
    pub fn replay(&self, replay: &Replay, now: UnixTime) -> Result<u64, GatewayError> {
        let Some(store) = Store::find(&self.home).map_err(unusable)? else {
            return Ok(0);
        };
        let targets: Vec<String> = self.settings.targets.iter().map(target::name).collect();
        let again = match replay {
            Replay::Event(id) => Again::Event(id.clone()),
            Replay::Failed => Again::Failed,
            Replay::Since(time) => Again::Since(*time),
        };
        store.replay(&targets, &again, now).map_err(unusable)
    }

    /// Sends an event of the type `test` to each target, once and at once, and returns what became of
    /// it. A gateway need not run.
    ///
    /// # Errors
    /// [`GatewayError`] for a secret or certificate that cannot be read, and for the file of
    /// deliveries.
    pub async fn test(&self, clock: &dyn Clock) -> Result<Vec<DeliveryLine>, GatewayError> {
        let targets = super::open_targets(&self.settings)?;
        let now = clock.wall();
        let store = Store::open(&self.home).map_err(unusable)?;
        let mut ids = Vec::new();
        for target in &targets {
            let event = Event::test(now)
                .map_err(|error| GatewayError::new(GatewayErrorKind::Runtime, error.to_string()))?;
            let answer = courier::post(target, &event.id, &event.body, now, TIME_LIMIT).await;
            // Written down after it was sent: no gateway must send it, too.
            store
                .record_ended(&event, &target.name, &ended(answer), clock.wall())
                .map_err(unusable)?;
            ids.push(event.id);
        }
        // More than those of this test: a gateway may write down events at the same time.
        let most = u32::try_from(ids.len())
            .unwrap_or(u32::MAX)
            .saturating_add(256);
        let newest = store.newest(false, most).map_err(unusable)?;
        let ours = newest.into_iter().filter(|line| ids.contains(&line.id));
        let mut lines: Vec<DeliveryLine> = ours.map(delivery_line).collect();
        lines.reverse();
        Ok(lines)
    }
}

/// Returns the end of a test: a failure is not tried again.
fn ended(answer: Result<courier::Response, String>) -> Result<String, Failure> {
    let outcome = match answer {
        Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer.status.to_string()),
        Ok(answer) => answer.status.to_string(),
        Err(why) => why,
    };
    Err(Failure {
        outcome,
        next: None,
        aside: false,
    })
}

fn webhook_line(settings: &WebhookTarget, target: String, counts: Counts) -> WebhookLine {
    WebhookLine {
        target,
        events: settings.events.iter().map(|kind| kind.name()).collect(),
        waiting: counts.waiting,
        delivered: counts.delivered,
        failed: counts.failed,
        last: counts.last,
        gone: counts.gone,
    }
}

fn delivery_line(line: Line) -> DeliveryLine {
    let state = match line.state {
        Delivery::Waits => "waits",
        Delivery::Done => "delivered",
        Delivery::Failed => "failed",
    };
    DeliveryLine {
        next: (line.state == Delivery::Waits).then_some(line.next),
        id: line.id,
        event: line.kind,
        created: line.created,
        target: line.target,
        state,
        failures: line.failures,
        tried: line.tried,
        outcome: line.outcome,
    }
}

fn unusable(error: StoreError) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Runtime, error.to_string())
}
