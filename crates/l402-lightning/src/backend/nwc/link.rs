//! The task that keeps a connection to one of the relays, and matches answers with requests.
//!
//! ```text
//!   connect ──> subscribe ──> wait for the info event and the end of what is stored ──> serve
//!      ^                                                                                  |
//!      └── the next relay; after a round without any, a pause of up to 30 s <──── lost ───┘
//! ```
//!
//! One relay at a time: a request that two relays deliver could be carried out twice by a careless
//! wallet. After a request that nobody answered, the next relay is used, in case that the wallet
//! has left this one.

use core::time::Duration;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use l402_host::Clock;
use nostr::{
    ClientMessage, Event, EventBuilder, EventId, Filter, Kind, RelayMessage, RelayUrl,
    SubscriptionId, Timestamp,
};
use rustls::ClientConfig;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

use super::client::{Call, Failure, Order, garbled, later, plain};
use super::socket::Socket;
use super::wire::{
    Addressed, Connection, Encryption, EventError, Info, Notification, Relay, Transaction, kind,
    new_request, open_notification, open_response,
};
use crate::ErrorKind;

/// The time that a relay has for the subscription.
const SUBSCRIBE: Duration = Duration::from_secs(10);

/// The life of a connection after which a loss is an accident and no habit.
const STEADY: Duration = Duration::from_secs(30);

/// The shortest and the longest pause between two rounds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// The pause while somebody waits.
const PAUSE_IN_USE: Duration = Duration::from_secs(1);

/// The age of the oldest answers to ask a relay for. A relay compares it with the wallet's clock,
/// which may differ from ours.
const SINCE: Duration = Duration::from_secs(3600);

/// The number of requests without an answer. More are refused.
const MAX_SENT: usize = 256;

/// The number of times that a relay may ask who we are, on one connection.
const MAX_AUTH: u8 = 3;

const SUBSCRIPTION: &str = "l402";

pub(super) struct Link {
    connection: Connection,
    tls: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
    orders: mpsc::Receiver<Order>,
    received: broadcast::Sender<Transaction>,
    /// Orders that wait for a connection.
    queue: VecDeque<Order>,
    /// Requests that have left, by their events' ids.
    sent: HashMap<EventId, Sent>,
    /// The newest info event.
    info: Option<(Timestamp, Info)>,
}

struct Sent {
    call: Call,
    event: Event,
    encryption: Encryption,
}

/// The end of a connection.
enum End {
    /// Nobody uses the client any more.
    Closed,
    /// The connection broke, or was of no use.
    Lost(String),
    /// A request found no answer here.
    Unanswered,
}

/// The number of connections in a row that were of no use, and of those that did not last.
#[derive(Default)]
struct Health {
    useless: usize,
    brief: usize,
}

/// The state of the connection that is open.
#[derive(Default)]
struct Progress {
    /// True once the relay has sent what it had stored.
    is_subscribed: bool,
    /// The event by which we said who we are.
    auth: Option<EventId>,
    auths: u8,
}

impl Link {
    pub(super) fn new(
        connection: Connection,
        tls: Arc<ClientConfig>,
        clock: Arc<dyn Clock>,
        orders: mpsc::Receiver<Order>,
        received: broadcast::Sender<Transaction>,
    ) -> Self {
        Self {
            connection,
            tls,
            clock,
            orders,
            received,
            queue: VecDeque::new(),
            sent: HashMap::new(),
            info: None,
        }
    }

    /// Serves until the last client is gone.
    pub(super) async fn run(mut self) {
        let relays = self.connection.relays.clone();
        let mut health = Health::default();
        for relay in relays.iter().cycle() {
            // A relay that has served us well is tried again before the next one.
            loop {
                let opening = Socket::open(relay.clone(), Arc::clone(&self.tls));
                let Some(opened) = self.attend(opening).await else {
                    return;
                };
                let (began, mut progress) = (Instant::now(), Progress::default());
                let end = match opened {
                    Ok(socket) => self.serve(socket, &mut progress, relay.as_str()).await,
                    Err(text) => End::Lost(text),
                };
                let is_steady = progress.is_subscribed && began.elapsed() > STEADY;
                health.note(progress.is_subscribed, is_steady);
                let is_lost = match end {
                    End::Closed => return,
                    End::Unanswered => false,
                    End::Lost(text) => {
                        self.lose(relay, &text, health.useless >= relays.len());
                        true
                    }
                };
                if let Some(pause) = health.pause(relays.len())
                    && self.pause(pause).await.is_none()
                {
                    return;
                }
                if !is_steady || !is_lost {
                    break;
                }
            }
        }
    }

    fn lose(&mut self, relay: &Relay, text: &str, is_hopeless: bool) {
        tracing::debug!(target: "l402_lightning::nwc", %relay, "connection lost: {text}");
        if is_hopeless {
            let text = format!("no connection to the wallet over {relay}: {text}");
            for order in self.queue.drain(..) {
                order.fail(Failure::unsent(ErrorKind::Unavailable, text.clone()));
            }
        }
    }

    /// Waits for `work`, and meanwhile takes orders and keeps their deadlines. Returns `None` once
    /// nobody uses the client.
    async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = core::pin::pin!(work);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                done = &mut work => return Some(done),
                order = self.orders.recv() => self.queue.push_back(order?),
                () = sleep_until(deadline) => { self.expire(); }
            }
        }
    }

    /// Pauses, shortly if somebody waits.
    async fn pause(&mut self, pause: Duration) -> Option<()> {
        let began = Instant::now();
        loop {
            let waits = !self.queue.is_empty();
            let pause = if waits {
                pause.min(PAUSE_IN_USE)
            } else {
                pause
            };
            let deadline = self.deadline();
            tokio::select! {
                () = sleep_until(later(began, pause)) => return Some(()),
                order = self.orders.recv() => self.queue.push_back(order?),
                () = sleep_until(deadline) => { self.expire(); }
            }
        }
    }

    /// Uses a connection until it ends.
    async fn serve(&mut self, mut socket: Socket, progress: &mut Progress, relay: &str) -> End {
        match self.converse(&mut socket, progress, relay).await {
            Ok(end) => end,
            Err(text) => End::Lost(text),
        }
    }

    async fn converse(
        &mut self,
        socket: &mut Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> Result<End, String> {
        self.subscribe(socket).await?;
        let subscribed_by = later(Instant::now(), SUBSCRIBE);
        loop {
            let deadline = if progress.is_subscribed {
                while let Some(order) = self.queue.pop_front() {
                    self.submit(socket, order).await?;
                }
                self.deadline()
            } else if Instant::now() >= subscribed_by {
                return Err("it does not answer the subscription".to_owned());
            } else {
                self.deadline().min(subscribed_by)
            };
            tokio::select! {
                message = socket.next() => {
                    self.hear(message?, socket, progress, relay).await?;
                }
                order = self.orders.recv() => match order {
                    Some(order) => self.queue.push_back(order),
                    None => return Ok(End::Closed),
                },
                () = sleep_until(deadline) => {
                    if self.expire() && self.connection.relays.len() > 1 {
                        return Ok(End::Unanswered);
                    }
                }
            }
        }
    }

    /// Asks for the info event, and for all that the wallet says to us.
    async fn subscribe(&self, socket: &mut Socket) -> Result<(), String> {
        let wallet = self.connection.wallet;
        let since = self.clock.wall().secs().saturating_sub(SINCE.as_secs());
        let info = Filter::new()
            .kind(Kind::from_u16(kind::INFO))
            .author(wallet);
        let kinds = [kind::RESPONSE, kind::NOTIFICATION, kind::NOTIFICATION_NIP04];
        let answers = Filter::new()
            .kinds(kinds.map(Kind::from_u16))
            .author(wallet)
            .pubkey(self.connection.keys.public_key())
            .since(Timestamp::from_secs(since));
        let message = ClientMessage::Req {
            subscription_id: Cow::Owned(SubscriptionId::new(SUBSCRIPTION)),
            filters: vec![Cow::Owned(info), Cow::Owned(answers)],
        };
        socket.send(&message).await
    }

    /// Acts on a message of the relay.
    async fn hear(
        &mut self,
        message: RelayMessage<'_>,
        socket: &mut Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> Result<(), String> {
        match message {
            RelayMessage::Event { event, .. } => {
                if let Err(error) = self.read(&event) {
                    tracing::debug!(target: "l402_lightning::nwc", "an event was ignored: {error}");
                }
                Ok(())
            }
            RelayMessage::EndOfStoredEvents(_) if self.info.is_none() => {
                Err("the wallet has left no info event there".to_owned())
            }
            RelayMessage::EndOfStoredEvents(_) => {
                let is_first = !core::mem::replace(&mut progress.is_subscribed, true);
                if is_first {
                    self.repeat(socket).await
                } else {
                    Ok(())
                }
            }
            RelayMessage::Ok {
                event_id,
                status,
                message,
            } => {
                if progress.auth == Some(event_id) && status {
                    return self.subscribe(socket).await;
                }
                if !status {
                    self.refused(&event_id, &message);
                }
                Ok(())
            }
            // It wants to know who we are first, and has been told.
            RelayMessage::Closed { message, .. } if message.starts_with("auth-required:") => Ok(()),
            RelayMessage::Closed { message, .. } => Err(plain(&message)),
            RelayMessage::Auth { challenge } => {
                self.authenticate(&challenge, socket, progress, relay).await
            }
            _ => Ok(()),
        }
    }

    /// Reads an event. One that is not the wallet's, or not for us, or answers nothing that was
    /// asked, changes nothing.
    fn read(&mut self, event: &Event) -> Result<(), EventError> {
        let (keys, wallet) = (&self.connection.keys, &self.connection.wallet);
        match event.kind.as_u16() {
            kind::INFO => {
                let info = Info::read(event, wallet)?;
                // A relay may repeat an old one, by which the wallet could do less, or more.
                if self
                    .info
                    .as_ref()
                    .is_none_or(|(at, _)| *at <= event.created_at)
                {
                    self.info = Some((event.created_at, info));
                }
            }
            kind::RESPONSE => {
                let asked = event.tags.event_ids().next().copied();
                let Some(sent) = asked.and_then(|id| self.sent.get(&id)) else {
                    return Ok(());
                };
                let answer = match open_response(keys, wallet, sent.encryption, event) {
                    Ok((id, response)) if id == sent.event.id => Ok(response),
                    // Signed by the wallet, for us, and yet of no use: there will be no other.
                    Err(EventError::Payload | EventError::Encryption) => {
                        let text = garbled("its content");
                        Err(Failure::unanswered(ErrorKind::Protocol, text))
                    }
                    Ok(_) => return Err(EventError::RequestId),
                    Err(error) => return Err(error),
                };
                let sent = asked.and_then(|id| self.sent.remove(&id));
                let _ = sent.map(|sent| sent.call.reply.send(answer));
            }
            _ => {
                let told = open_notification(keys, wallet, event)?;
                if told.notification_type == Notification::RECEIVED {
                    // Nobody may be listening.
                    let _ = self.received.send(told.notification);
                }
            }
        }
        Ok(())
    }

    /// Sends a request, or answers at once if that is possible.
    async fn submit(&mut self, socket: &mut Socket, order: Order) -> Result<(), String> {
        let Some((_, info)) = &self.info else {
            return Ok(());
        };
        let call = match order {
            Order::Info(_, reply) => {
                let _ = reply.send(Ok(info.clone()));
                return Ok(());
            }
            // Nobody waits any more, so a payment is not begun either.
            Order::Call(call) if call.reply.is_closed() => return Ok(()),
            Order::Call(call) => call,
        };
        let fail = |call: Call, text: &str| {
            let failure = Failure::unsent(ErrorKind::Unavailable, text);
            let _ = call.reply.send(Err(failure));
        };
        let Some(encryption) = info.encryption() else {
            fail(call, "the wallet reads no encryption that is known here");
            return Ok(());
        };
        if self.sent.len() >= MAX_SENT {
            fail(call, "too many requests to the wallet are unanswered");
            return Ok(());
        }
        let parties = Addressed {
            from: &self.connection.keys,
            to: &self.connection.wallet,
            encryption,
        };
        let now = self.clock.wall();
        let Ok(event) = new_request(parties, &call.request, now, call.expiration) else {
            fail(call, "the request cannot be encrypted");
            return Ok(());
        };
        let message = ClientMessage::event(event.clone());
        // Before the sending: from here on it may have arrived, whatever happens.
        self.sent.insert(
            event.id,
            Sent {
                call,
                event,
                encryption,
            },
        );
        socket.send(&message).await
    }

    /// Sends again what may be repeated, on a new connection. The event is the same, so that the
    /// wallet recognises it.
    async fn repeat(&self, socket: &mut Socket) -> Result<(), String> {
        for sent in self.sent.values().filter(|sent| sent.call.is_repeatable) {
            socket
                .send(&ClientMessage::event(sent.event.clone()))
                .await?;
        }
        Ok(())
    }

    /// Ends a request that the relay has refused. That is no word of the wallet's.
    fn refused(&mut self, id: &EventId, message: &str) {
        if let Some(sent) = self.sent.remove(id) {
            let text = format!("the relay refused the request: {}", plain(message));
            let failure = Failure::unanswered(ErrorKind::Unavailable, text);
            let _ = sent.call.reply.send(Err(failure));
        }
    }

    /// Says who we are to a relay that asks (NIP-42).
    async fn authenticate(
        &self,
        challenge: &str,
        socket: &mut Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> Result<(), String> {
        progress.auths = progress.auths.saturating_add(1);
        if progress.auths > MAX_AUTH {
            return Err("it asks again and again who we are".to_owned());
        }
        let url = RelayUrl::parse(relay).map_err(|_| "its address is unusable".to_owned())?;
        let event = EventBuilder::auth(challenge, url)
            .custom_created_at(Timestamp::from_secs(self.clock.wall().secs()))
            .sign_with_keys(&self.connection.keys)
            .map_err(|_| "no signature".to_owned())?;
        progress.auth = Some(event.id);
        socket.send(&ClientMessage::auth(event)).await
    }

    /// Returns the next time at which somebody has waited long enough.
    fn deadline(&self) -> Instant {
        let queued = self.queue.iter().map(Order::deadline);
        let sent = self.sent.values().map(|sent| sent.call.deadline);
        queued.chain(sent).min().unwrap_or_else(far)
    }

    /// Ends what has waited long enough. Returns true if a request was sent and not answered.
    fn expire(&mut self) -> bool {
        let now = Instant::now();
        let (over, waiting): (VecDeque<_>, _) = core::mem::take(&mut self.queue)
            .into_iter()
            .partition(|order| order.deadline() <= now);
        self.queue = waiting;
        for order in over {
            let text = "no relay of the wallet could be reached in time";
            order.fail(Failure::unsent(ErrorKind::Timeout, text));
        }
        let is_over = |_: &EventId, sent: &mut Sent| sent.call.deadline <= now;
        let over: Vec<_> = self.sent.extract_if(is_over).collect();
        let is_unanswered = !over.is_empty();
        for (_, sent) in over {
            let text = "the wallet did not answer in time";
            let failure = Failure::unanswered(ErrorKind::Timeout, text);
            let _ = sent.call.reply.send(Err(failure));
        }
        is_unanswered
    }
}

impl Order {
    fn deadline(&self) -> Instant {
        match self {
            Self::Call(call) => call.deadline,
            Self::Info(deadline, _) => *deadline,
        }
    }

    fn fail(self, failure: Failure) {
        match self {
            Self::Call(call) => drop(call.reply.send(Err(failure))),
            Self::Info(_, reply) => drop(reply.send(Err(failure))),
        }
    }
}

impl Health {
    fn note(&mut self, is_of_use: bool, is_steady: bool) {
        self.useless = if is_of_use {
            0
        } else {
            self.useless.saturating_add(1)
        };
        self.brief = if is_steady {
            0
        } else {
            self.brief.saturating_add(1)
        };
    }

    /// Returns the pause after a round of all relays; between those of one round nobody waits.
    fn pause(&self, relays: usize) -> Option<Duration> {
        if self.brief == 0 || !self.brief.is_multiple_of(relays) {
            return None;
        }
        let rounds = self.brief.checked_div(relays)?.saturating_sub(1);
        let doubled = u32::try_from(rounds)
            .ok()
            .and_then(|rounds| 2_u32.checked_pow(rounds));
        let pause = doubled.and_then(|times| PAUSES.0.checked_mul(times));
        Some(pause.unwrap_or(PAUSES.1).min(PAUSES.1))
    }
}

/// Returns a time at which nothing happens.
fn far() -> Instant {
    later(Instant::now(), Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_round_to_round_up_to_a_limit() {
        let mut health = Health::default();
        assert_eq!(health.pause(2), None);
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                health.note(false, false);
                health.pause(2).map(|pause| pause.as_millis())
            })
            .collect();
        let some = [250, 500, 1000, 2000].map(Some);
        assert_eq!(
            pauses,
            [None, some[0], None, some[1], None, some[2], None, some[3]]
        );
        for _ in 0..200 {
            health.note(false, false);
        }
        assert_eq!(health.pause(1), Some(PAUSES.1));
        health.note(true, true);
        assert_eq!((health.pause(1), health.useless), (None, 0));
    }
}
