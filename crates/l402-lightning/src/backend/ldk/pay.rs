//! Paying through an embedded node.
//!
//! A payment is written down before LDK is asked to make it, and its end when LDK's event says
//! it. So there is no moment at which a crash could make a payment look as if it never began.
//! The other way round, a crash between the two leaves a payment that is unknown for ever: a
//! matter of microseconds, and the only safe word.

use l402::{Invoice, Msat, Network, PaymentHash, Preimage};
use ldk_node::NodeError;
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::routing::router::RouteParametersConfig;
use ldk_node::lightning_invoice::Bolt11Invoice;
use ldk_node::payment::{PaymentDirection, PaymentKind, PaymentStatus};

use super::file::Entry;
use super::node::{Ldk, LdkShared, stopped};
use crate::{Error, ErrorKind, Pay, PayRequest, Payment};
use l402_host::BoxFuture;

impl Pay for Ldk {
    fn network(&self) -> Network {
        self.shared().network
    }

    fn name(&self) -> String {
        let shared = self.shared();
        format!("ldk node {} on {}", shared.key.payee(), shared.network)
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(Payment::within(request.deadline, self.attempt(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            self.blocking(move |shared| shared.payment(&payment_hash))
                .await?
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            self.shared().check_running()?;
            self.blocking(LdkShared::spendable).await
        })
    }
}

/// An invoice that this node can be asked to pay.
struct PayableInvoice {
    amount: Msat,
    expired: bool,
    hash: PaymentHash,
    invoice: Bolt11Invoice,
    max_fee: Msat,
}

impl Ldk {
    async fn attempt(&self, request: PayRequest) -> Payment {
        let payable = match self.shared().check_invoice(&request) {
            Ok(payable) => payable,
            Err(error) => return Payment::failed(error),
        };
        let hash = payable.hash;
        match self.blocking(move |shared| shared.begin(&payable)).await {
            Ok(Ok(())) => self.end(hash).await,
            Ok(Err(ended)) => ended,
            Err(error) => Payment::unknown(error),
        }
    }

    /// How a payment that was begun ends. Waits for it, and stops waiting when the node stops.
    async fn end(&self, hash: PaymentHash) -> Payment {
        let mut changes = self.shared().running.subscribe();
        loop {
            match self.blocking(move |shared| shared.payment(&hash)).await {
                Ok(Ok(Some(Payment::Unknown(_)) | None)) => {}
                Ok(Ok(Some(ended))) => return ended,
                Ok(Err(error)) | Err(error) => return Payment::unknown(error),
            }
            if self.shared().check_running().is_err() || changes.changed().await.is_err() {
                return Payment::unknown(stopped());
            }
        }
    }
}

impl LdkShared {
    /// What can be said against an invoice without asking LDK.
    fn check_invoice(&self, request: &PayRequest) -> Result<PayableInvoice, Error> {
        let rejected = |text: String| Error::new(ErrorKind::Rejected, text);
        let says = Invoice::decode(&request.bolt11).map_err(|error| rejected(error.to_string()))?;
        let amount = says.required_amount();
        let amount = amount.map_err(|error| rejected(error.to_string()))?;
        if says.network != self.network {
            let (theirs, ours) = (says.network, self.network);
            let text = format!("the invoice is on {theirs}, and this node on {ours}");
            return Err(rejected(text));
        }
        let invoice = request.bolt11.parse();
        let invoice = invoice.map_err(|_| rejected("LDK cannot read the invoice".to_owned()))?;
        Ok(PayableInvoice {
            amount,
            expired: says.expires <= self.now(),
            hash: says.payment_hash,
            invoice,
            max_fee: request.max_fee,
        })
    }

    /// Sees to it that LDK has been handed the payment, by us now or by somebody before; or says
    /// how it stands otherwise. Blocks.
    fn begin(&self, payable: &PayableInvoice) -> Result<(), Payment> {
        let hash = &payable.hash;
        let refusal = match self.check_running() {
            Err(stopped) => Some(stopped),
            Ok(()) => payable.expired.then(expired),
        };
        if let Some(refusal) = refusal {
            return self.fail_unless_begun(hash, refusal);
        }
        let before = self.file.begin(hash, payable.amount, payable.max_fee);
        match before.map_err(Payment::unknown)? {
            Some(Entry::Begun { .. } | Entry::Settled { .. }) => return Ok(()),
            // Its event may come again after a crash, and must not speak of a second attempt.
            Some(Entry::Failed(reason)) => return Err(refused(reason)),
            Some(Entry::Refused(_)) | None => {}
        }
        self.send_to_ldk(payable).map_err(Payment::failed)
    }

    /// After a refusal: a payment that was begun before may still arrive, and whoever cannot read
    /// the file cannot know that there is none.
    fn fail_unless_begun(&self, hash: &PaymentHash, refusal: Error) -> Result<(), Payment> {
        match self.payment(hash) {
            Ok(None | Some(Payment::Failed(_))) => Err(Payment::failed(refusal)),
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(Payment::unknown(error)),
        }
    }

    /// Asks LDK to make a payment that stands as begun in the file. An error says that LDK does
    /// not have it.
    fn send_to_ldk(&self, payable: &PayableInvoice) -> Result<(), Error> {
        let limits = RouteParametersConfig {
            max_total_routing_fee_msat: Some(payable.max_fee.msat()),
            ..RouteParametersConfig::default()
        };
        let payments = self.node.bolt11_payment();
        let sent = payments.send(&payable.invoice, Some(limits));
        let Some(error) = sent.err().and_then(refusal) else {
            return Ok(());
        };
        let written = self.file.payment_refused(&payable.hash, &error.to_string());
        if let Err(unwritten) = written {
            // Sure all the same; who looks it up later is told that it is unknown.
            tracing::warn!(error = %unwritten, "a failed payment could not be written down");
        }
        self.running.send_modify(|_| {});
        Err(error)
    }

    /// What is known of a payment: from our file, or from LDK Node's record where that says more,
    /// as of a payment that was made without us. Blocks.
    fn payment(&self, hash: &PaymentHash) -> Result<Option<Payment>, Error> {
        match self.file.payment(hash)? {
            Some(Entry::Begun { max_fee }) => Ok(Some(match self.recorded(hash, max_fee) {
                // A failure may be that of an earlier attempt: the event will say.
                Some(Payment::Failed(_)) | None => in_flight(),
                Some(recorded) => recorded,
            })),
            Some(Entry::Failed(reason) | Entry::Refused(reason)) => Ok(Some(refused(reason))),
            Some(Entry::Settled {
                preimage,
                paid,
                fee,
            }) => Ok(Some(settled(hash, preimage, paid, fee))),
            None => Ok(self.recorded(hash, Msat::ZERO)),
        }
    }

    /// LDK Node's own record of a payment; `max_fee` where it cannot tell the fee.
    fn recorded(&self, hash: &PaymentHash, max_fee: Msat) -> Option<Payment> {
        let record = self.node.payment(&PaymentId(*hash.as_bytes()))?;
        if record.direction != PaymentDirection::Outbound {
            return None;
        }
        let preimage = match record.kind {
            PaymentKind::Bolt11 { preimage, .. } => preimage,
            _ => None,
        };
        Some(match (record.status, preimage, record.amount_msat) {
            (PaymentStatus::Succeeded, Some(preimage), Some(paid)) => {
                let fee = record.fee_paid_msat.map_or(max_fee, Msat::new);
                settled(hash, preimage.0, Msat::new(paid), fee)
            }
            (PaymentStatus::Failed, ..) => {
                let text = "the node could not make the payment";
                Payment::failed(Error::new(ErrorKind::Rejected, text))
            }
            _ => in_flight(),
        })
    }

    /// What all open channels can send, also while their peers are away.
    fn spendable(&self) -> Msat {
        let channels = self.node.list_channels();
        let open = channels.iter().filter(|channel| channel.is_channel_ready);
        Msat::new(open.map(|channel| channel.outbound_capacity_msat).sum())
    }
}

/// A payment that LDK calls settled, if its preimage proves it.
fn settled(hash: &PaymentHash, preimage: [u8; 32], paid: Msat, fee: Msat) -> Payment {
    let preimage = Preimage::from_bytes(preimage);
    if !preimage.proves(hash) {
        let text = "the node has another preimage than the invoice's";
        return Payment::unknown(Error::new(ErrorKind::Protocol, text));
    }
    Payment::Settled {
        preimage,
        paid,
        fee,
    }
}

fn refused(reason: String) -> Payment {
    Payment::failed(Error::new(ErrorKind::Rejected, reason))
}

fn in_flight() -> Payment {
    let text = "the payment is still in flight";
    Payment::unknown(Error::new(ErrorKind::Timeout, text))
}

fn expired() -> Error {
    let text = "the invoice has expired; ask the seller for a new one";
    Error::new(ErrorKind::Rejected, text)
}

/// What it means that LDK did not take a payment; `None` where it has it all the same, or may.
fn refusal(error: NodeError) -> Option<Error> {
    let (kind, text) = match error {
        NodeError::NotRunning => return Some(stopped()),
        NodeError::PaymentSendingFailed => (
            ErrorKind::Rejected,
            "the node's channels have no route for this payment within the fee limit",
        ),
        NodeError::InvalidInvoice => (ErrorKind::Rejected, "LDK cannot pay such an invoice"),
        _ => return None,
    };
    Some(Error::new(kind, text))
}
