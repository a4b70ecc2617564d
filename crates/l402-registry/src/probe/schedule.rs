//! The schedule: which service is probed when.
//!
//! ```text
//!   store.due ─▶ host idle? ── yes ─▶ probe, 16 at once ─▶ store.record
//!                    └─ no ─▶ the first few wait; the others get a time of their own, a few seconds apart
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::Clock;
use tokio::task::{Id, JoinError, JoinSet};

use super::look::Crowded;
use super::prober::Prober;
use crate::desk::Registry;
use crate::listing::ListingId;
use crate::store::{Due, StoreError};

/// The most probes at once.
const AT_ONCE: usize = 16;

/// The most services that are read from the store at a time.
const BATCH: u32 = 512;

/// The services of one busy host that may stay first in the line. More of them would hide the others.
const LINE_OF_HOST: u32 = 2;

/// The seconds between two services of a busy host that are sent to the end of its line.
const SECONDS_EACH: u64 = 2;

/// The time between two looks at the store, if nobody asks for a probe.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest that a service is put off because its host is busy.
const PUT_OFF_MAX: Duration = Duration::from_secs(24 * 3600);

/// The time between two looks at what else is due: the proofs of owners.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Probes the services of a registry as they become due, and looks at the proofs of owners, until `stop` is
/// ready. Probes that are under way then are dropped, and are due again at
/// the next start.
pub async fn run_probes(registry: Registry, stop: impl Future<Output = ()>) {
    let options = registry.options();
    let clock = Arc::clone(registry.clock());
    let prober = Prober::new(registry.fetcher(), clock, options.probe_interval);
    let mut schedule = Schedule {
        prober,
        registry: registry.clone(),
        running: JoinSet::new(),
        places: HashMap::new(),
        lines: HashMap::new(),
        held: HashMap::new(),
    };
    tokio::select! {
        () = stop => {}
        () = schedule.run() => {}
        () = keep_house(&registry) => {}
    }
}

async fn keep_house(registry: &Registry) {
    loop {
        if let Err(error) = registry.recheck_owners().await {
            tracing::warn!(%error, "the proofs of owners were not looked at");
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

/// The probes that are under way, and what waits for them.
struct Schedule {
    registry: Registry,
    prober: Prober,
    running: JoinSet<Result<(), StoreError>>,
    /// The listing and the host of each probe under way.
    places: HashMap<Id, (ListingId, String)>,
    /// The end of the line of each busy host.
    lines: HashMap<String, UnixTime>,
    /// Services whose last probe could not be recorded, and the time from which they may be probed again: a
    /// full disk is no reason to ask for an invoice every second.
    held: HashMap<ListingId, Duration>,
}

impl Schedule {
    /// Probes for ever.
    async fn run(&mut self) {
        let registry = self.registry.clone();
        loop {
            while self.fill().await {}
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                () = registry.probes_wanted() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Starts probes that are due, as many as may run. Returns true if more may be due behind services of
    /// busy hosts, which have a later time now.
    async fn fill(&mut self) -> bool {
        if self.running.len() >= AT_ONCE {
            return false;
        }
        let (now, monotonic) = (self.clock().wall(), self.clock().monotonic());
        self.lines.retain(|_, end| *end > now);
        self.held.retain(|_, until| *until > monotonic);
        let due = match self.registry.store().due(now, BATCH).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the services that are due are not known");
                return false;
            }
        };
        // Of one host a few wait in memory; the rest is put off, so that the next batch has other hosts.
        let is_full = due.len() == BATCH as usize;
        let mut put_off = Vec::new();
        let mut waiting: HashMap<String, u32> = HashMap::new();
        let under_way: HashSet<_> = self.places.values().map(|(id, _)| *id).collect();
        for due in due {
            if under_way.contains(&due.id) || self.held.contains_key(&due.id) {
                continue;
            }
            let host = host(&due);
            if self.places.values().any(|(_, busy)| *busy == host) {
                let before = waiting.entry(host.clone()).or_default();
                *before += 1;
                if *before > LINE_OF_HOST {
                    put_off.push((due.id, self.end_of_line(host, now)));
                }
            } else if self.running.len() < AT_ONCE {
                self.start(due, host);
            }
        }
        let is_more = is_full && !put_off.is_empty();
        self.put_off(put_off).await && is_more
    }

    fn clock(&self) -> &dyn Clock {
        &**self.registry.clock()
    }

    fn start(&mut self, due: Due, host: String) {
        let (prober, registry, id) = (self.prober.clone(), self.registry.clone(), due.id);
        let task = self.running.spawn(async move {
            let store = registry.store();
            match prober.probe(&due).await {
                Ok(probed) => store.record(id, probed).await,
                Err(Crowded(wait)) => {
                    // A little apart, or they would all come back at once.
                    let later = wait + Duration::from_secs(fastrand::u64(1..=5));
                    let next = registry.clock().wall().saturating_add(later);
                    store.schedule(id, Some(next)).await
                }
            }
        });
        self.places.insert(task.id(), (id, host));
    }

    /// Returns the time of a service at the end of the line of its host.
    fn end_of_line(&mut self, host: String, now: UnixTime) -> UnixTime {
        let each = Duration::from_secs(SECONDS_EACH);
        let end = self.lines.get(&host).copied().unwrap_or(now);
        let next = end.max(now).saturating_add(each);
        let next = next.min(now.saturating_add(PUT_OFF_MAX));
        self.lines.insert(host, next);
        next
    }

    /// Gives services a later time, all at once, so that the disk is waited for seldom. Returns false if one
    /// of them could not be put off.
    async fn put_off(&self, services: Vec<(ListingId, UnixTime)>) -> bool {
        let mut writing = JoinSet::new();
        for (id, next) in services {
            let store = Arc::clone(self.registry.store());
            writing.spawn(async move { store.schedule(id, Some(next)).await });
        }
        let mut is_done = true;
        while let Some(written) = writing.join_next().await {
            if let Ok(Err(error)) = written {
                tracing::warn!(%error, "a probe was not put off");
                is_done = false;
            }
        }
        is_done
    }

    /// Takes a probe that has ended off the list.
    fn ended(&mut self, ended: Result<(Id, Result<(), StoreError>), JoinError>) {
        let (task, fault) = match ended {
            // A listing that was removed meanwhile needs no record.
            Ok((task, Ok(()) | Err(StoreError::NotFound))) => (task, None),
            Ok((task, Err(error))) => (task, Some(error.to_string())),
            Err(error) => (error.id(), Some("the probe ended in a panic".to_owned())),
        };
        let Some((id, _)) = self.places.remove(&task) else {
            return;
        };
        if let Some(fault) = fault {
            tracing::warn!(%id, fault, "a probe was not recorded");
            let interval = self.registry.options().probe_interval.max(PAUSE);
            let until = self.clock().monotonic() + interval;
            self.held.insert(id, until);
        }
    }
}

/// Returns the host of a service, with its port: two ports of this machine are two services.
fn host(due: &Due) -> String {
    let port = due.url.url().port_or_known_default().unwrap_or_default();
    format!("{}:{port}", due.url.host().trim_end_matches('.'))
}
