//! The events of the node: stored first, and confirmed to the node only then.
//!
//! ```text
//!   LDK ── event ──> l402.db ── confirmed ──> LDK forgets the event
//!                       └─────── wakes ─────> settlements(), pay()
//! ```

use core::time::Duration;
use std::sync::Arc;

use ldk_node::Event;
use ldk_node::lightning::events::PaymentFailureReason;
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::payment::PaymentKind;

use super::node::LdkShared;
use crate::Error;

/// The time to wait after an event that could not be stored; the node keeps the event meanwhile.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Takes the events of the node until the node is stopped.
pub(super) async fn consume(shared: Arc<LdkShared>) {
    let mut running = shared.running.subscribe();
    loop {
        let event = tokio::select! {
            biased;
            _ = running.wait_for(|running| !running) => return,
            event = shared.node.next_event_async() => event,
        };
        let taker = Arc::clone(&shared);
        let taken = tokio::task::spawn_blocking(move || taker.take(&event)).await;
        let error = match taken {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        // The event is not confirmed, so the node gives the same one again: nothing is skipped.
        tracing::error!(%error, "an event of the node waits until it can be written down");
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

impl LdkShared {
    /// Takes the events that the node had not seen confirmed when it last ended. Blocks.
    pub(super) fn take_backlog(&self) -> Result<(), Error> {
        while let Some(event) = self.node.next_event() {
            self.take(&event)?;
        }
        Ok(())
    }

    /// Stores an event, confirms it, and wakes every waiting caller. Taking an event twice changes
    /// nothing, so a confirmation that is lost in a crash does no harm. Blocks.
    fn take(&self, event: &Event) -> Result<(), Error> {
        self.write_down(event)?;
        if self.node.event_handled().is_err() {
            tracing::warn!("the node could not write down that an event is done");
        }
        self.running.send_modify(|_| {});
        Ok(())
    }

    /// Returns true if this payment paid no invoice, such as one that a stranger sent unasked.
    /// Invoices of this crate have no record at the node.
    fn is_foreign(&self, payment: Option<&PaymentId>) -> bool {
        let record = payment.and_then(|id| self.node.payment(id));
        record.is_some_and(|record| !matches!(record.kind, PaymentKind::Bolt11 { .. }))
    }

    /// Stores a settlement; reports a second payment of the same invoice in the log.
    fn settle(&self, hash: &[u8; 32], paid_msat: u64) -> Result<(), Error> {
        let Some(earlier) = self.file.settle(hash, paid_msat)? else {
            return Ok(());
        };
        let payment_hash = hex::encode(hash);
        // LDK tells of its last payments again when it starts.
        if earlier <= self.settled_before {
            tracing::warn!(
                payment_hash,
                paid_msat,
                "LDK told again of a payment from before this start; only if the balance has grown, \
                 the invoice was paid once more"
            );
        } else {
            tracing::error!(
                payment_hash,
                paid_msat,
                "an invoice was paid once more, and LDK has kept it"
            );
        }
        Ok(())
    }

    fn write_down(&self, event: &Event) -> Result<(), Error> {
        match event {
            Event::PaymentReceived {
                payment_id,
                payment_hash,
                amount_msat,
                ..
            } if !self.is_foreign(payment_id.as_ref()) => {
                self.settle(&payment_hash.0, *amount_msat)
            }
            Event::PaymentSuccessful {
                payment_hash,
                payment_preimage: Some(preimage),
                fee_paid_msat,
                ..
            } => {
                let (hash, preimage) = (&payment_hash.0, &preimage.0);
                self.file.payment_settled(hash, preimage, *fee_paid_msat)
            }
            Event::PaymentFailed {
                payment_hash: Some(hash),
                reason,
                ..
            } => self.file.payment_failed(&hash.0, text(*reason)),
            // Either changes the channels at which an invoice may hint.
            Event::ChannelReady { .. } | Event::ChannelClosed { .. } => {
                self.forget_inbound_channels();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

const fn text(reason: Option<PaymentFailureReason>) -> &'static str {
    match reason {
        Some(PaymentFailureReason::RecipientRejected) => {
            "the payee does not accept the payment: the invoice is paid, expired or unknown to it"
        }
        Some(PaymentFailureReason::PaymentExpired) => "the invoice expired while a way was sought",
        Some(PaymentFailureReason::RetriesExhausted) => {
            "no way to the payee within the fee limit could be used"
        }
        Some(PaymentFailureReason::RouteNotFound) => {
            "the node found no route to the payee within the fee limit"
        }
        _ => "the node could not make the payment",
    }
}
