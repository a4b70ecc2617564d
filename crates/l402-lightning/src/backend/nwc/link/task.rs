//! The task: one relay after another, and the orders that wait meanwhile.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use l402_host::Clock;
use nostr::{EventId, Timestamp};
use rustls::ClientConfig;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

use super::conversation::{End, Progress};
use super::health::Health;
use super::requests::Sent;
use crate::ErrorKind;
use crate::backend::nwc::client::{Failure, Order, later};
use crate::backend::nwc::socket::Socket;
use crate::backend::nwc::wire::{Connection, Info, Relay, Transaction};

/// The life of a connection after which a loss is an accident and no habit.
const STEADY: Duration = Duration::from_secs(30);

/// The pause while somebody waits.
const PAUSE_IN_USE: Duration = Duration::from_secs(1);

/// The task of one connection to a wallet.
pub(in crate::backend::nwc) struct Link {
    pub(super) connection: Connection,
    tls: Arc<ClientConfig>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) received: broadcast::Sender<Transaction>,
    /// Orders that wait for a connection.
    pub(super) queue: VecDeque<Order>,
    /// Requests that have left, by their events' ids.
    pub(super) sent: HashMap<EventId, Sent>,
    /// The newest info event.
    pub(super) info: Option<(Timestamp, Info)>,
}

impl Link {
    pub(in crate::backend::nwc) fn new(
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
    pub(in crate::backend::nwc) async fn run(mut self) {
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
        // Until then another relay may work, so that the orders wait for it.
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
}
