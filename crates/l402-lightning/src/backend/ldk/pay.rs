//! The spending half of an embedded node.
//!
//! A payment is stored before LDK is asked to make it, and its end when LDK's event reports it. So
//! a crash can never make a payment look as if it had not begun. The price: a crash between storing
//! and asking leaves a payment that stays unknown for ever. That window is microseconds wide, and
//! any other answer could pay twice.
//!
//! ```text
//!   pay ─> stored as begun ─> handed to LDK ─> event ─> stored as settled or failed
//!                                 └─ refused by LDK ──> stored as refused: may begin again
//! ```

use l402::{Msat, Network, PaymentHash, Preimage};
use ldk_node::NodeError;
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::routing::router::RouteParametersConfig;
use ldk_node::lightning_invoice::Bolt11Invoice;
use ldk_node::payment::{PaymentDirection, PaymentKind, PaymentStatus};

use super::file::Entry;
use super::node::{Ldk, LdkShared, stopped};
use crate::{Error, ErrorKind, Pay, PayRequest, Payment, check};
use l402_host::BoxFuture;

impl Pay for Ldk {
    fn network(&self) -> Network {
        self.shared().network
    }

    fn name(&self) -> String {
        let shared = self.shared();
        name(&shared.key.payee().to_string(), shared.network)
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

    fn failure_is_last(&self) -> bool {
        true
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            self.shared().check_running()?;
            self.blocking(LdkShared::spendable).await
        })
    }
}

/// An invoice that this node can be asked to pay, with the payer's fee limit.
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

    /// Returns the end of a payment that was begun. Waits for it, up to the stop of the node.
    async fn end(&self, hash: PaymentHash) -> Payment {
        // Subscribed before the file is read, so that an end which is stored in between wakes the
        // loop.
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
    /// Refuses an invoice that needs no question to LDK to be refused.
    fn check_invoice(&self, request: &PayRequest) -> Result<PayableInvoice, Error> {
        let (says, amount) = check::payable(&request.bolt11, self.network, "this node")?;
        let invoice = request.bolt11.parse();
        let unread = "LDK cannot read the invoice";
        let invoice = invoice.map_err(|_| Error::new(ErrorKind::Rejected, unread))?;
        Ok(PayableInvoice {
            amount,
            expired: says.expires <= self.now(),
            hash: says.payment_hash,
            invoice,
            max_fee: request.max_fee,
        })
    }

    /// Makes sure that LDK has been handed the payment, now or by an earlier call; otherwise
    /// returns the payment's outcome. Blocks.
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
            // The event of this failure may come again after a crash. A second attempt would then
            // be stored as failed while it is under way.
            Some(Entry::Failed(reason)) => return Err(refused(reason)),
            Some(Entry::Refused(_)) | None => {}
        }
        self.send_to_ldk(payable).map_err(Payment::failed)
    }

    /// Returns the certain failure after a refusal, unless the payment was begun before and may
    /// still arrive. A file that cannot be read makes the outcome unknown.
    fn fail_unless_begun(&self, hash: &PaymentHash, refusal: Error) -> Result<(), Payment> {
        match self.payment(hash) {
            Ok(None | Some(Payment::Failed(_))) => Err(Payment::failed(refusal)),
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(Payment::unknown(error)),
        }
    }

    /// Asks LDK to make a payment that is stored as begun. An error means that LDK does not have
    /// the payment.
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
            // This caller may be told that it failed. A later look-up says unknown, which is the
            // safe side.
            tracing::warn!(error = %unwritten, "a failed payment could not be written down");
        }
        // Other callers wait for the end of the same payment.
        self.running.send_modify(|_| {});
        Err(error)
    }

    /// Returns the state of a payment from the file, or from LDK Node's record if that knows more,
    /// as of a payment that was made without this crate. Blocks.
    fn payment(&self, hash: &PaymentHash) -> Result<Option<Payment>, Error> {
        match self.file.payment(hash)? {
            Some(Entry::Begun { max_fee }) => Ok(Some(match self.recorded(hash, max_fee) {
                // The record may show the failure of an earlier attempt; the event decides.
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

    /// Returns a payment from LDK Node's own record; `max_fee` replaces a fee that the record
    /// lacks.
    fn recorded(&self, hash: &PaymentHash, max_fee: Msat) -> Option<Payment> {
        let record = self.node.payment(&PaymentId(*hash.as_bytes()))?;
        // A payment hash names payments in both directions, as when a node pays itself.
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

    /// Returns the sum that all open channels can send, also while their peers are offline.
    fn spendable(&self) -> Msat {
        let channels = self.node.list_channels();
        let open = channels.iter().filter(|channel| channel.is_channel_ready);
        Msat::new(open.map(|channel| channel.outbound_capacity_msat).sum())
    }
}

/// Returns the name of the wallet, the same for anybody who asks the node.
pub(super) fn name(node_id: &str, network: Network) -> String {
    format!("ldk node {node_id} on {network}")
}

/// Returns a settled payment, if the preimage proves it.
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

/// Returns the meaning of LDK's refusal; `None` if LDK has the payment nevertheless, or may have
/// it.
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
