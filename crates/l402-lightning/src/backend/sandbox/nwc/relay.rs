//! A Nostr relay (NIP-01) in memory, which passes the events of Nostr Wallet Connect and no others.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use l402_host::Clock;
use nostr::filter::MatchEventOptions;
use nostr::{Event, EventId, Filter, JsonUtil, PublicKey};
use tokio::sync::mpsc;

/// The kind of a wallet's description of itself, of which the newest of each wallet is stored.
pub(super) const INFO: u16 = 13194;
/// The kind of requests.
pub(super) const REQUEST: u16 = 23194;
/// The kind of answers.
pub(super) const RESPONSE: u16 = 23195;
/// The kinds of notifications: encrypted by NIP-04, and by NIP-44.
pub(super) const NOTIFICATIONS: [u16; 2] = [23196, 23197];

/// The number of wallets whose description is stored.
const WALLETS_MAX: usize = 64;
/// The time for which requests and answers are kept for those that subscribe late.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// The number of requests and answers that are kept.
const KEPT_MAX: usize = 256;
/// The sum of their lengths, in bytes.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The number of event ids by which a second copy is recognised.
const SEEN_MAX: usize = 1024;
/// The number of events that wait for a slow reader before its connection is closed.
const QUEUE: usize = 64;
/// The number of subscriptions of a connection.
const SUBSCRIPTIONS_MAX: usize = 32;
/// The number of filters of a subscription.
const FILTERS_MAX: usize = 8;
/// The number of stored events that answer a subscription.
const ANSWER_MAX: usize = 100;
/// The length of a subscription's name, in bytes (NIP-01).
const NAME_MAX: usize = 64;

/// An event that was verified, with the text by which it is passed on.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) event: Event,
    pub(super) json: String,
}

/// An event together with the name of the subscription that asked for it.
pub(super) type Delivery = (Arc<str>, Arc<Passed>);

/// The relay. It holds no secret: what passes through it is encrypted.
#[derive(Debug)]
pub(super) struct Relay {
    clock: Arc<dyn Clock>,
    state: Mutex<RelayState>,
}

#[derive(Debug, Default)]
struct RelayState {
    infos: BTreeMap<PublicKey, Arc<Passed>>,
    kept: VecDeque<(Duration, Arc<Passed>)>,
    kept_bytes: usize,
    seen: VecDeque<EventId>,
    readers: HashMap<u64, Reader>,
    next: u64,
}

/// The subscriptions of one connection. The connection ends if its reader is taken away.
#[derive(Debug)]
struct Reader {
    queue: mpsc::Sender<Delivery>,
    subscriptions: HashMap<Arc<str>, Vec<Filter>>,
}

/// One connection's place at the relay, which is given back on drop.
#[derive(Debug)]
pub(super) struct Seat {
    relay: Arc<Relay>,
    number: u64,
    /// The events that its subscriptions ask for. Ends if they are read too slowly.
    pub(super) deliveries: mpsc::Receiver<Delivery>,
}

/// The answer to an event: whether it was taken, and a text that begins with a word of NIP-01.
pub(super) type Taken = (bool, &'static str);

impl Relay {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            state: Mutex::default(),
        })
    }

    /// Opens a place for a new connection.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        let (queue, deliveries) = mpsc::channel(QUEUE);
        let mut state = self.state();
        let number = state.next;
        state.next = number.wrapping_add(1);
        let subscriptions = HashMap::new();
        let reader = Reader {
            queue,
            subscriptions,
        };
        state.readers.insert(number, reader);
        drop(state);
        Seat {
            relay: Arc::clone(self),
            number,
            deliveries,
        }
    }

    /// Verifies an event, stores it if it is of a kind that is stored, and passes it on to everybody
    /// who has subscribed to it.
    pub(super) fn publish(&self, event: Event) -> Taken {
        let kind = event.kind.as_u16();
        let of_wallets =
            kind == INFO || kind == REQUEST || kind == RESPONSE || NOTIFICATIONS.contains(&kind);
        if !of_wallets {
            return (
                false,
                "blocked: this relay passes Nostr Wallet Connect alone",
            );
        }
        if event.verify().is_err() {
            return (
                false,
                "invalid: the id or the signature does not fit the event",
            );
        }
        // Written once, however many have subscribed.
        let json = event.as_json();
        let passed = Arc::new(Passed { event, json });
        let now = self.clock.monotonic();
        let mut state = self.state();
        if state.has_seen(passed.event.id) {
            return (true, "duplicate: the relay has it already");
        }
        if kind == INFO {
            if let Err(refused) = state.store_info(&passed) {
                return refused;
            }
        } else if kind == REQUEST || kind == RESPONSE {
            state.keep(now, &passed);
        }
        state.deliver(&passed);
        (true, "")
    }

    fn state(&self) -> MutexGuard<'_, RelayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RelayState {
    /// Returns true for an event that was passed on before, and remembers a new one.
    fn has_seen(&mut self, id: EventId) -> bool {
        if self.seen.contains(&id) {
            return true;
        }
        if self.seen.len() >= SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(id);
        false
    }

    /// Replaces a wallet's description of itself by a newer one.
    fn store_info(&mut self, passed: &Arc<Passed>) -> Result<(), Taken> {
        let author = passed.event.pubkey;
        match self.infos.get(&author) {
            // `Event` sorts the newer one first, and of two of one second that with the lower id.
            Some(stored) if stored.event <= passed.event => {
                return Err((true, "duplicate: the relay has a newer one"));
            }
            // Refused and not evicted, or a stranger's wallets could push out the sandbox's own.
            None if self.infos.len() >= WALLETS_MAX => {
                return Err((false, "error: the relay has no room for another wallet"));
            }
            _ => {}
        }
        self.infos.insert(author, Arc::clone(passed));
        Ok(())
    }

    /// Keeps an event for subscribers that come a little late.
    fn keep(&mut self, now: Duration, passed: &Arc<Passed>) {
        self.forget(now);
        self.kept_bytes = self.kept_bytes.saturating_add(passed.json.len());
        self.kept.push_back((now, Arc::clone(passed)));
        while self.kept.len() > KEPT_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn forget(&mut self, now: Duration) {
        let old = |(at, _): &(Duration, Arc<Passed>)| now.saturating_sub(*at) > KEPT_FOR;
        while self.kept.front().is_some_and(old) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, oldest)) = self.kept.pop_front() {
            self.kept_bytes = self.kept_bytes.saturating_sub(oldest.json.len());
        }
    }

    fn deliver(&mut self, passed: &Arc<Passed>) {
        self.readers.retain(|_, reader| {
            reader
                .subscriptions
                .iter()
                .filter(|(_, filters)| wanted(filters, &passed.event))
                // A reader whose queue is full is taken away, which ends its connection: memory
                // stays bounded, and it knows that it has missed something.
                .all(|(name, _)| {
                    let delivery = (Arc::clone(name), Arc::clone(passed));
                    reader.queue.try_send(delivery).is_ok()
                })
        });
    }

    /// Returns the stored events that a new subscription asks for, newest first.
    fn answer(&mut self, now: Duration, filters: &[Filter]) -> Vec<Arc<Passed>> {
        self.forget(now);
        let kept = self.kept.iter().map(|(_, passed)| passed);
        let mut all: Vec<_> = self.infos.values().chain(kept).cloned().collect();
        all.sort_by(|a, b| a.event.cmp(&b.event));
        let mut found: Vec<Arc<Passed>> = Vec::new();
        for filter in filters {
            let limit = filter.limit.unwrap_or(ANSWER_MAX).min(ANSWER_MAX);
            let matching = all.iter().filter(|passed| matches(filter, &passed.event));
            for passed in matching.take(limit) {
                if !found.iter().any(|other| Arc::ptr_eq(other, passed)) {
                    found.push(Arc::clone(passed));
                }
            }
        }
        found.truncate(ANSWER_MAX);
        found
    }
}

impl Seat {
    /// Begins a subscription, or replaces that of the same name, and returns the stored events that
    /// it asks for.
    ///
    /// # Errors
    /// The reason for refusing it, in the form of NIP-01.
    pub(super) fn subscribe(
        &self,
        name: &str,
        filters: Vec<Filter>,
    ) -> Result<Vec<Arc<Passed>>, &'static str> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Err("invalid: a subscription has a name of 1 to 64 bytes");
        }
        if filters.is_empty() || filters.len() > FILTERS_MAX {
            return Err("invalid: a subscription has 1 to 8 filters");
        }
        let now = self.relay.clock.monotonic();
        let mut state = self.relay.state();
        let reader = state.readers.get_mut(&self.number);
        let reader = reader.ok_or("error: events were read too slowly")?;
        let full = reader.subscriptions.len() >= SUBSCRIPTIONS_MAX;
        if full && !reader.subscriptions.contains_key(name) {
            return Err("error: a connection has at most 32 subscriptions");
        }
        reader.subscriptions.insert(name.into(), filters.clone());
        // Under the same lock: what comes later is delivered, and what came before is in the answer.
        Ok(state.answer(now, &filters))
    }

    /// Ends a subscription.
    pub(super) fn unsubscribe(&self, name: &str) {
        if let Some(reader) = self.relay.state().readers.get_mut(&self.number) {
            reader.subscriptions.remove(name);
        }
    }

    /// Hands an event to the relay.
    pub(super) fn publish(&self, event: Event) -> Taken {
        self.relay.publish(event)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.relay.state().readers.remove(&self.number);
    }
}

fn wanted(filters: &[Filter], event: &Event) -> bool {
    filters.iter().any(|filter| matches(filter, event))
}

fn matches(filter: &Filter, event: &Event) -> bool {
    filter.match_event(event, MatchEventOptions::new())
}
