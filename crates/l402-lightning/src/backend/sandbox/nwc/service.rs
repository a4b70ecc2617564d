//! The wallet service of NIP-47: reads requests at the relay, answers them, and notifies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use l402::UnixTime;
use nostr::{Event, EventId, Filter, Keys, Kind, PublicKey};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::account::{Account, error};
use super::relay::Relay;
use crate::backend::nwc::wire::{
    self, Addressed, Encryption, ErrorCode, EventError, IncomingRequest, Info, Notification,
    Request, Transaction, TransactionState, Transactions, WalletError, kind,
};
use crate::{Error, ErrorKind, Receive, Settlement, SettlementIndex};

/// The methods that this wallet answers.
const METHODS: [&str; 6] = [
    "get_balance",
    "get_info",
    "list_transactions",
    "lookup_invoice",
    "make_invoice",
    "pay_invoice",
];

/// The type of a notification that the wallet has paid.
const SENT: &str = "payment_sent";

/// The requests that are worked on at a time. A payment may take a minute.
const WORK_MAX: usize = 64;

/// The number of requests whose repetition is recognised.
const ANSWERED_MAX: usize = 4096;

/// The pause after the sandbox's file could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// A wallet with one connection.
pub(super) struct Service {
    pub(super) account: Account,
    /// The key pair of the wallet.
    pub(super) keys: Keys,
    /// The key of the connection, whose requests alone are served.
    pub(super) client: PublicKey,
    pub(super) relay: Arc<Relay>,
}

impl Service {
    /// Publishes what this wallet can do.
    ///
    /// # Errors
    /// `Local` if the event cannot be signed.
    pub(super) fn publish_info(&self) -> Result<(), Error> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let info = Info {
            methods: owned(&METHODS),
            notifications: owned(&[Notification::RECEIVED, SENT]),
            encryptions: vec![Encryption::Nip44, Encryption::Nip04],
        };
        let event = wire::new_info(&self.keys, &info, true, self.now());
        let event = event.map_err(|error| Error::new(ErrorKind::Local, error.to_string()))?;
        self.relay.publish(event);
        Ok(())
    }

    /// Answers requests until it is dropped.
    pub(super) async fn answer_requests(self: Arc<Self>) {
        let filter = Filter::new()
            .kind(Kind::from_u16(kind::REQUEST))
            .pubkey(self.keys.public_key());
        let mut work = JoinSet::new();
        let mut answered = VecDeque::new();
        loop {
            let mut seat = self.relay.seat();
            let subscribed = seat.subscribe("wallet", vec![filter.clone()]);
            for passed in subscribed.unwrap_or_default() {
                self.begin(&passed.event, &mut answered, &mut work);
            }
            // Ends if more came at once than the queue holds; some of those are read again then.
            while let Some((_, passed)) = seat.deliveries.recv().await {
                self.begin(&passed.event, &mut answered, &mut work);
            }
        }
    }

    /// Notifies of settlements after `newest` until it is dropped, and notes those before it.
    pub(super) async fn notify_settlements(&self, newest: SettlementIndex) {
        let mut from = SettlementIndex::default();
        loop {
            let mut settlements = self.account.sandbox().settlements(from);
            while let Some(Ok(settlement)) = settlements.next().await {
                if self
                    .notify(&settlement, settlement.index > newest)
                    .await
                    .is_err()
                {
                    break;
                }
                from = settlement.index;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Begins to work on a request, unless it was seen before or is no request to this wallet.
    fn begin(
        self: &Arc<Self>,
        event: &Event,
        answered: &mut VecDeque<EventId>,
        work: &mut JoinSet<()>,
    ) {
        while work.try_join_next().is_some() {}
        let Some(request) = self.open(event) else {
            return;
        };
        // Refused here, so that neither a stranger nor a crowd takes up a place.
        let refusal = if request.client != self.client {
            Some(error(
                ErrorCode::Unauthorized,
                "no connection of this wallet",
            ))
        } else if answered.contains(&request.id) {
            return;
        } else if work.len() >= WORK_MAX {
            Some(error(ErrorCode::RateLimited, "too many requests at once"))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.publish_answer(&request, Err(refusal));
            return;
        }
        answered.truncate(ANSWERED_MAX);
        answered.push_front(request.id);
        let service = Arc::clone(self);
        work.spawn(async move { service.answer(request).await });
    }

    /// Opens a request. Returns `None` for an event that deserves no answer.
    fn open(&self, event: &Event) -> Option<IncomingRequest> {
        match wire::open_request(&self.keys, event) {
            Ok(request) => Some(request),
            // The relay has checked the signature, so the author is told what is wrong.
            Err(EventError::Encryption) => Some(IncomingRequest {
                id: event.id,
                client: event.pubkey,
                encryption: Encryption::Nip44,
                expiration: None,
                method: String::new(),
                request: Err(error(
                    ErrorCode::UnsupportedEncryption,
                    "this wallet reads nip44_v2 and nip04",
                )),
            }),
            Err(_) => None,
        }
    }

    async fn answer(&self, mut request: IncomingRequest) {
        // Nobody waits for the answer any more, and must not pay for what was given up.
        if request.expiration.is_some_and(|end| end <= self.now()) {
            return;
        }
        let refused = error(ErrorCode::Internal, "");
        let result = match std::mem::replace(&mut request.request, Err(refused)) {
            Ok(asked) => self.result(asked).await,
            Err(refusal) => Err(refusal),
        };
        match result {
            Ok(None) => {}
            Ok(Some(result)) => self.publish_answer(&request, Ok(result)),
            Err(refusal) => self.publish_answer(&request, Err(refusal)),
        }
    }

    /// Does what is asked. Returns `None` if there is no answer, since an outcome is unknown.
    async fn result(&self, asked: Request) -> Result<Option<Value>, WalletError> {
        match asked {
            Request::GetBalance {} => {
                let balance = self.account.balance().await?.msat();
                Ok(Some(json!({ "balance": balance })))
            }
            Request::GetInfo {} => Ok(Some(self.node_info())),
            Request::ListTransactions(asked) => {
                let transactions = self.account.list(asked).await?;
                written(&Transactions { transactions })
            }
            Request::LookupInvoice(asked) => written(&self.account.look_up(asked).await?),
            Request::MakeInvoice(asked) => written(&self.account.make_invoice(asked).await?),
            Request::PayInvoice(asked) => match self.account.pay(asked).await? {
                Some(paid) => written(&paid),
                None => Ok(None),
            },
        }
    }

    fn node_info(&self) -> Value {
        json!({
            "alias": "l402 sandbox (play money)",
            "color": "#808080",
            "pubkey": hex::encode(self.account.sandbox().payee()),
            "network": "regtest",
            // The sandbox has no chain.
            "block_height": 0,
            "block_hash": "0".repeat(64),
            "methods": METHODS,
            "notifications": [Notification::RECEIVED, SENT],
        })
    }

    fn publish_answer(&self, request: &IncomingRequest, answer: Result<Value, WalletError>) {
        // An answer that cannot be encrypted is one to a key that is none.
        if let Ok(event) = wire::new_response(&self.keys, request, answer, self.now()) {
            self.relay.publish(event);
        }
    }

    async fn notify(&self, settlement: &Settlement, tell: bool) -> Result<(), Error> {
        for transaction in self.account.settle(settlement.payment_hash).await? {
            let settled = transaction.state == Some(TransactionState::Settled);
            if tell && settled {
                self.publish_notification(transaction);
            }
        }
        Ok(())
    }

    fn publish_notification(&self, notification: Transaction) {
        let notification_type = match notification.direction {
            Some(wire::Direction::Outgoing) => SENT,
            _ => Notification::RECEIVED,
        };
        let notification = Notification {
            notification_type: notification_type.to_owned(),
            notification,
        };
        // Once in each encryption: which one the client reads is not known.
        for encryption in [Encryption::Nip44, Encryption::Nip04] {
            let parties = Addressed {
                from: &self.keys,
                to: &self.client,
                encryption,
            };
            if let Ok(event) = wire::new_notification(parties, &notification, self.now()) {
                self.relay.publish(event);
            }
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.account.now())
    }
}

fn written(result: &impl Serialize) -> Result<Option<Value>, WalletError> {
    let value = serde_json::to_value(result);
    let value = value.map_err(|_| error(ErrorCode::Internal, "the answer cannot be written"))?;
    Ok(Some(value))
}
