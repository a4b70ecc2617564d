//! The spending half over a socket: its two sides.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

use l402::{Invoice, Msat, Network, PaymentHash, Preimage};
use l402_host::BoxFuture;
use serde_json::{Value, json};

use super::super::node::Ldk;
use super::super::operator;
use super::client::{Failure, Socket, TIME_LIMIT};
use super::server::{Connection, Service};
use super::wire::{Paid, SpendRequest, Status, garbled, hash};
use crate::backend::once::{Attempts, Note};
use crate::{Error, ErrorKind, Open, Pay, PayRequest, Payment};

/// Answers on `pay.sock`.
pub(in super::super) struct PayService {
    ldk: Arc<Ldk>,
    status: Status,
}

impl PayService {
    pub(in super::super) fn new(ldk: Arc<Ldk>, status: Status) -> Self {
        Self { ldk, status }
    }

    async fn answer(&self, request: SpendRequest) -> Result<Value, Error> {
        Ok(match request {
            SpendRequest::Status => json!(self.status),
            SpendRequest::Pay {
                bolt11,
                max_fee_msat,
                deadline_ms,
            } => {
                let deadline = Duration::from_millis(deadline_ms);
                let request = PayRequest::new(bolt11, Msat::new(max_fee_msat), deadline);
                json!(Paid::from(self.ldk.pay(request).await))
            }
            SpendRequest::Payment { payment_hash } => {
                let found = Pay::lookup(&*self.ldk, hash(&payment_hash)?).await?;
                json!(found.map(Paid::from))
            }
            SpendRequest::Spendable => json!(self.ldk.balance().await?.msat()),
            SpendRequest::Node { command } => operator::answer(&self.ldk, command).await?,
        })
    }
}

impl Service for PayService {
    fn serve<'a>(
        &'a self,
        request: &'a [u8],
        connection: &'a mut Connection,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            let answer = match serde_json::from_slice(request) {
                Ok(request) => self.answer(request).await,
                Err(_) => Err(garbled()),
            };
            connection.answer(answer).await
        })
    }
}

impl From<Payment> for Paid {
    fn from(payment: Payment) -> Self {
        match payment {
            Payment::Settled {
                preimage,
                paid,
                fee,
            } => Self::Settled {
                preimage: preimage.to_hex().to_string(),
                paid_msat: paid.msat(),
                fee_msat: fee.msat(),
            },
            Payment::Failed(failure) => Self::Failed(failure.error.into()),
            Payment::Unknown(unknown) => Self::Unknown(unknown.error.into()),
        }
    }
}

impl Paid {
    /// Returns the outcome of the payment with this hash. Without its proof, *settled* is unknown.
    fn of(self, hash: &PaymentHash) -> Payment {
        match self {
            Self::Settled {
                preimage,
                paid_msat,
                fee_msat,
            } => match preimage.parse::<Preimage>() {
                Ok(preimage) if preimage.proves(hash) => Payment::Settled {
                    preimage,
                    paid: Msat::new(paid_msat),
                    fee: Msat::new(fee_msat),
                },
                _ => {
                    let text = "the node's preimage does not prove the payment";
                    Payment::unknown(Error::new(ErrorKind::Protocol, text))
                }
            },
            Self::Failed(failed) => Payment::failed(failed.into()),
            Self::Unknown(failed) => Payment::unknown(failed.into()),
        }
    }
}

/// A node that pays through its `pay.sock`.
pub(in super::super) struct SocketPay {
    attempts: Attempts,
    name: String,
    network: Network,
    socket: Socket,
}

impl SocketPay {
    /// Asks the node behind the socket who it is. `None` if nobody serves the socket.
    pub(in super::super) async fn open(path: PathBuf, open: &Open) -> Result<Option<Self>, Error> {
        let Some((socket, status)) = Socket::open(path, &SpendRequest::Status).await? else {
            return Ok(None);
        };
        let network = status.network()?;
        let name = super::super::pay::name(&l402::text::escape(&status.node_id), network);
        Ok(Some(Self {
            attempts: Attempts::open(open, &name).await?,
            name,
            network,
            socket,
        }))
    }

    async fn attempt(&self, request: PayRequest) -> Payment {
        // The node decodes it, too. Here for the hash, and so that nothing else is ever sent.
        let invoice = match Invoice::decode(&request.bolt11) {
            Ok(invoice) => invoice,
            Err(error) => {
                return Payment::failed(Error::new(ErrorKind::Rejected, error.to_string()));
            }
        };
        let hash = invoice.payment_hash;
        let mut turn = match self.attempts.turn(hash).await {
            Ok(turn) => turn,
            // Nobody knows of an earlier attempt.
            Err(error) => return Payment::unknown(error),
        };
        let note = Note {
            request_ends: invoice.expires,
            invoice_ends: invoice.expires,
            had_failed: false,
            max_fee: request.max_fee,
        };
        if let Err(error) = turn.begin(note).await {
            return turn.end(Payment::failed(error)).await;
        }
        turn.sends();
        let asked = SpendRequest::Pay {
            bolt11: request.bolt11,
            max_fee_msat: request.max_fee.msat(),
            deadline_ms: u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX),
        };
        let paid = self.socket.ask::<Paid>(&asked, request.deadline).await;
        match paid {
            Ok(paid) => {
                // The node pays a hash once, so its word is about every attempt.
                turn.close_earlier();
                match paid.of(&hash) {
                    // Its note stays: of a later call that cannot be sent, it says that this one was.
                    settled @ Payment::Settled { .. } => settled,
                    outcome => turn.end(outcome).await,
                }
            }
            // Nothing was sent now, but an earlier attempt of this payment may be in flight.
            Err(Failure {
                error, sent: false, ..
            }) => turn.end(Payment::failed(error)).await,
            Err(failure) => Payment::unknown(failure.error),
        }
    }
}

impl fmt::Debug for SocketPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketPay")
            .field("name", &self.name)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Pay for SocketPay {
    fn network(&self) -> Network {
        self.network
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(Payment::within(request.deadline, self.attempt(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            let request = SpendRequest::Payment {
                payment_hash: payment_hash.to_string(),
            };
            let found: Option<Paid> = self.socket.ask(&request, TIME_LIMIT).await?;
            Ok(found.map(|paid| paid.of(&payment_hash)))
        })
    }

    fn failure_is_last(&self) -> bool {
        true
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let msat = self
                .socket
                .ask(&SpendRequest::Spendable, TIME_LIMIT)
                .await?;
            Ok(Msat::new(msat))
        })
    }
}
