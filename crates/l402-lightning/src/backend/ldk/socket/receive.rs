//! The receiving half over a socket: its two sides.

use std::sync::Arc;
use std::{fmt, io};

use futures_util::{StreamExt as _, stream};
use l402::{Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream, Clock};
use serde_json::{Value, json};

use super::client::{Answers, Socket, TIME_LIMIT};
use super::server::{Connection, Service};
use super::wire::{Movable, ReceiveRequest, Settled, State, Status, garbled, hash};
use crate::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};

/// Answers on `receive.sock`. It holds nothing that can pay.
pub(in super::super) struct ReceiveService {
    receive: Arc<dyn Receive>,
    status: Status,
}

impl ReceiveService {
    pub(in super::super) fn new(receive: Arc<dyn Receive>, status: Status) -> Self {
        Self { receive, status }
    }

    async fn answer(&self, request: ReceiveRequest) -> Result<Value, Error> {
        Ok(match request {
            ReceiveRequest::Status => json!(self.status),
            ReceiveRequest::CreateInvoice(asked) => {
                let made = self.receive.create_invoice(asked.into()).await?;
                json!(made.bolt11())
            }
            ReceiveRequest::Lookup { payment_hash } => {
                let state = self.receive.lookup(hash(&payment_hash)?).await?;
                json!(State::from(state))
            }
            ReceiveRequest::Liquidity => {
                let liquidity = self.receive.liquidity().await?;
                json!(liquidity.map(Movable::from))
            }
            ReceiveRequest::Settlements { .. } => return Err(garbled()),
        })
    }

    /// Sends settlements until the client is gone.
    async fn settlements(&self, from: u64, connection: &mut Connection) -> io::Result<()> {
        let mut settlements = self.receive.settlements(SettlementIndex(from));
        loop {
            let next = tokio::select! {
                next = settlements.next() => next,
                () = connection.closed() => return Ok(()),
            };
            let Some(next) = next else { return Ok(()) };
            let ended = next.is_err();
            let answer = next.map(|settlement| json!(Settled::from(settlement)));
            connection.answer(answer).await?;
            if ended {
                return Ok(());
            }
        }
    }
}

impl Service for ReceiveService {
    fn serve<'a>(
        &'a self,
        request: &'a [u8],
        connection: &'a mut Connection,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            match serde_json::from_slice(request) {
                Ok(ReceiveRequest::Settlements { from }) => {
                    self.settlements(from, connection).await
                }
                Ok(request) => connection.answer(self.answer(request).await).await,
                Err(_) => connection.answer(Err(garbled())).await,
            }
        })
    }
}

/// A node that is paid through its `receive.sock`.
#[derive(Clone)]
pub(in super::super) struct SocketReceive {
    clock: Arc<dyn Clock>,
    network: Network,
    socket: Socket,
}

impl SocketReceive {
    /// Asks the node behind the socket who it is. `None` if nobody serves the socket.
    pub(in super::super) async fn open(
        path: std::path::PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, Error> {
        let Some((socket, status)) = Socket::open(path, &ReceiveRequest::Status).await? else {
            return Ok(None);
        };
        let network = status.network()?;
        Ok(Some(Self {
            clock,
            network,
            socket,
        }))
    }

    async fn next(
        &self,
        from: SettlementIndex,
        answers: Option<Answers>,
    ) -> Result<(Settlement, Answers), Error> {
        let mut answers = match answers {
            Some(answers) => answers,
            None => {
                let request = ReceiveRequest::Settlements { from: from.0 };
                self.socket.begin(&request).await?
            }
        };
        let settled: Settled = answers.next().await?;
        Ok((settled.try_into()?, answers))
    }
}

impl fmt::Debug for SocketReceive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketReceive")
            .field("socket", &self.socket)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl Receive for SocketReceive {
    fn network(&self) -> Network {
        self.network
    }

    fn preimage_is_proof(&self) -> bool {
        // The node computes the preimage itself, and this socket has no request that tells one.
        true
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let asked = ReceiveRequest::CreateInvoice((&request).into());
            let bolt11: String = self.socket.ask(&asked, TIME_LIMIT).await?;
            check::invoice(bolt11, &request, self.network, self.clock.wall())
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let payment_hash = payment_hash.to_string();
            let request = ReceiveRequest::Lookup { payment_hash };
            let state: State = self.socket.ask(&request, TIME_LIMIT).await?;
            Ok(state.into())
        })
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(async move {
            let asked = self.socket.ask(&ReceiveRequest::Liquidity, TIME_LIMIT);
            match asked.await {
                Ok(told) => Ok(Option::<Movable>::map(told, Into::into)),
                // A node of an earlier version does not know the question.
                Err(failure) if failure.error.kind() == ErrorKind::Protocol => Ok(None),
                Err(failure) => Err(failure.error),
            }
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        let settlements = stream::try_unfold(None, move |answers| async move {
            let (next, answers) = self.next(from, answers).await?;
            Ok(Some((next, Some(answers))))
        });
        Box::pin(settlements)
    }
}
