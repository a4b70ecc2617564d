//! The handle on the connection: requests go in, answers come out.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use l402::UnixTime;
use l402_host::Clock;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::link::Link;
use super::wire::{Connection, ErrorCode, Info, Request, Response, Transaction, WalletError};
use crate::backend::tls;
use crate::{Error, ErrorKind};

/// The time limit of a request for which a buyer or a seller waits.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The number of requests that may wait for the connection's task.
const MAX_WAITING: usize = 64;

/// The number of notifications that a slow listener may be behind.
const MAX_NOTIFICATIONS: usize = 64;

/// The number of characters shown of a text of somebody else.
const MAX_CHARS: usize = 200;

/// A connection to a wallet service. Clones share it; it ends with the last one.
#[derive(Clone)]
pub(super) struct Client {
    orders: mpsc::Sender<Order>,
    received: broadcast::Sender<Transaction>,
    pub(super) clock: Arc<dyn Clock>,
    /// A name without secrets: the beginnings of the wallet's public key and of ours.
    pub(super) name: String,
    /// The public key of the connection, in hex.
    #[cfg(feature = "pay")]
    pub(super) key: String,
}

/// An order for the connection's task.
pub(super) enum Order {
    /// A request to the wallet.
    Call(Call),
    /// Asks for the info event of the wallet.
    Info(Instant, oneshot::Sender<Result<Info, Failure>>),
}

/// A request, and the one who waits for the answer.
pub(super) struct Call {
    pub(super) request: Request,
    /// The time after which the wallet must not begin it.
    pub(super) expiration: Option<UnixTime>,
    /// The time after which nobody waits any more.
    pub(super) deadline: Instant,
    /// True if it may be handed to a relay again, as a payment may not.
    pub(super) is_repeatable: bool,
    pub(super) reply: oneshot::Sender<Result<Response, Failure>>,
}

/// The reason why there is no result.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// The code, if the wallet itself said it in a signed answer to this request.
    pub(super) code: Option<ErrorCode>,
    /// False only if the request certainly never left this process.
    #[cfg_attr(
        not(feature = "pay"),
        expect(dead_code, reason = "a caller that only receives simply asks again")
    )]
    pub(super) is_sent: bool,
}

impl Failure {
    pub(super) fn unsent(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            error: Error::new(kind, text),
            code: None,
            is_sent: false,
        }
    }

    pub(super) fn unanswered(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            is_sent: true,
            ..Self::unsent(kind, text)
        }
    }

    fn said(error: &WalletError) -> Self {
        let kind = match error.code {
            ErrorCode::Restricted | ErrorCode::Unauthorized => ErrorKind::Unauthorized,
            ErrorCode::RateLimited | ErrorCode::Internal => ErrorKind::Unavailable,
            _ => ErrorKind::Rejected,
        };
        let text = format!(
            "the wallet said {:?}: {}",
            error.code,
            plain(&error.message)
        );
        Self {
            code: Some(error.code),
            ..Self::unanswered(kind, text)
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Starts the task of the connection. It ends when the last clone of the client is dropped.
    pub(super) fn start(
        connection: Connection,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let (orders, taken) = mpsc::channel(MAX_WAITING);
        let (received, _) = broadcast::channel(MAX_NOTIFICATIONS);
        let start = |key: nostr::PublicKey| key.to_hex().chars().take(16).collect::<String>();
        let (wallet, ours) = (
            start(connection.wallet),
            start(connection.keys.public_key()),
        );
        let client = Self {
            orders,
            received: received.clone(),
            clock: Arc::clone(&clock),
            name: format!("NWC wallet {wallet}, connection {ours}"),
            #[cfg(feature = "pay")]
            key: connection.keys.public_key().to_hex(),
        };
        let link = Link::new(connection, Arc::new(tls::public()?), clock, taken, received);
        Ok((client, tokio::spawn(link.run())))
    }

    /// Returns what the wallet says that it can do.
    pub(super) async fn info(&self) -> Result<Info, Failure> {
        let (reply, answer) = oneshot::channel();
        self.order(
            Order::Info(later(Instant::now(), TIME_LIMIT), reply),
            answer,
        )
        .await
    }

    /// Asks the wallet for something that moves no money.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        self.call(request, None, TIME_LIMIT).await
    }

    /// Sends a request. One with an `expiration` is handed to a relay once at most.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: Request,
        expiration: Option<UnixTime>,
        limit: Duration,
    ) -> Result<T, Failure> {
        let method = request.method();
        let (reply, answer) = oneshot::channel();
        let order = Order::Call(Call {
            request,
            expiration,
            deadline: later(Instant::now(), limit),
            is_repeatable: expiration.is_none(),
            reply,
        });
        let response: Response = self.order(order, answer).await?;
        if let Some(error) = &response.error {
            return Err(Failure::said(error));
        }
        let is_ours = response.result_type.is_empty() || response.result_type == method;
        let result = response.result().filter(|_| is_ours);
        result.ok_or_else(|| Failure::unanswered(ErrorKind::Protocol, garbled(method)))
    }

    /// Listens for payments that the wallet notifies us of.
    pub(super) fn received(&self) -> broadcast::Receiver<Transaction> {
        self.received.subscribe()
    }

    async fn order<T>(
        &self,
        order: Order,
        answer: oneshot::Receiver<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let ended = "the connection to the wallet has been closed";
        if self.orders.send(order).await.is_err() {
            return Err(Failure::unsent(ErrorKind::Unavailable, ended));
        }
        // The task keeps the deadline, because it alone knows if the request has left.
        answer
            .await
            .unwrap_or_else(|_| Err(Failure::unanswered(ErrorKind::Unavailable, ended)))
    }
}

/// Returns the time `by` after `from`, at most a day later.
pub(super) fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by.min(Duration::from_secs(24 * 3600)))
        .unwrap_or(from)
}

/// Returns the text about an answer that NIP-47 does not allow.
pub(super) fn garbled(what: &str) -> String {
    format!("the wallet's answer could not be read ({what})")
}

/// Returns text of somebody else, escaped and cut to 200 characters.
pub(super) fn plain(text: &str) -> String {
    l402::text::escape_within(text, MAX_CHARS)
}
