//! The receiving half of a Lightning address.

use core::time::Duration;
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};

use futures_util::stream;
use l402::{Invoice, InvoiceTerms, Msat, Network, PaymentHash, Preimage};
use l402_host::{BoxFuture, BoxStream, Clock};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;

use super::guard::Guard;
use super::invoices::{Invoices, Known};
use super::peer::Service;
use super::wire::{Answered, MadeInvoice, PayRequest, VerifiedInvoice, garbled};
use crate::transport::{Failure, Proof};
use crate::{
    Error, ErrorKind, InvoiceLimits, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};

/// The time for which the description of an address holds.
const DESCRIBED_FOR: Duration = Duration::from_secs(3600);

/// The pause between two questions about invoices that nobody waits for: five a second at most.
const PACE: Duration = Duration::from_millis(200);

/// The service behind an address, and the rule on its URLs.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) service: Service,
    pub(super) guard: Guard,
    /// The URL that describes the address.
    pub(super) url: Url,
    /// The deadline of each call.
    pub(super) time_limit: Duration,
}

/// The description of an address.
#[derive(Clone, Debug)]
pub(super) struct Description {
    callback: Url,
    pub(super) least: Msat,
    most: Msat,
    /// The SHA-256 of the address's metadata.
    metadata: [u8; 32],
}

impl Description {
    /// Returns the limits of an address whose invoices live so long.
    pub(super) fn limits(&self, life: Duration) -> InvoiceLimits {
        InvoiceLimits {
            least: self.least,
            most: self.most,
            life: Some(life),
        }
    }

    /// Refuses an invoice that states the hash of another description (LUD-06): the payer's wallet
    /// would not pay it, or would show somebody else's address. One that has a description in its
    /// place states none.
    pub(super) fn check(&self, invoice: &Invoice) -> Result<(), Error> {
        match invoice.description_hash {
            Some(stated) if stated != self.metadata => {
                Err(garbled("an invoice for another description than its own"))
            }
            _ => Ok(()),
        }
    }
}

impl Address {
    /// Asks for the description.
    pub(super) async fn describe(&self) -> Result<Description, Error> {
        let answer = self.get(&self.url).await?;
        let described: PayRequest = done(answer)?;
        let described = described.check()?;
        Ok(Description {
            // The service chooses this URL, and could name one in a private network.
            callback: self.guard.read(&described.callback)?,
            least: described.least,
            most: described.most,
            metadata: Sha256::digest(described.metadata.as_bytes()).into(),
        })
    }

    /// Asks for an invoice over an amount. Nothing of the answer is checked yet.
    pub(super) async fn ask(
        &self,
        description: &Description,
        amount: Msat,
    ) -> Result<MadeInvoice, Error> {
        let mut url = description.callback.clone();
        url.query_pairs_mut()
            .append_pair("amount", &amount.msat().to_string());
        done(self.get(&url).await?)
    }

    async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<Answered<T>, Failure> {
        let call = self.service.get(url.as_str());
        call.within(self.time_limit).json().await
    }

    /// Asks if an invoice over this amount is settled.
    pub(super) async fn verify(
        &self,
        verify: &Url,
        hash: PaymentHash,
        amount: Msat,
    ) -> Result<InvoiceState, Error> {
        let answer = match self.get(verify).await {
            Ok(answer) => answer,
            Err(failure) if failure.proof == Proof::NotFound => return Ok(InvoiceState::Unseen),
            Err(failure) => return Err(failure.error),
        };
        let state: VerifiedInvoice = match answer {
            Answered::Done(state) => state,
            // LUD-21 has an error for an invoice that the service does not know.
            Answered::Error(_) => return Ok(InvoiceState::Unseen),
        };
        // The state of another invoice says nothing about this one.
        if let Some(pr) = &state.pr {
            let about = InvoiceTerms::read(pr).map(|terms| terms.payment_hash);
            if about != Ok(hash) {
                return Err(garbled("the state of another invoice"));
            }
        }
        if !state.settled {
            // Never *cancelled*: a service may hear of a payment after the end of its invoice.
            return Ok(InvoiceState::Open);
        }
        let proves = |text: &str| text.parse().is_ok_and(|it: Preimage| it.proves(&hash));
        match state.preimage {
            Some(text) if !proves(&text) => Err(garbled("a preimage of another invoice")),
            // A service need not know it (LUD-21).
            _ => Ok(InvoiceState::Settled { paid: amount }),
        }
    }
}

/// Decodes an invoice of the service, and checks its signature.
pub(super) fn decode(pr: &str) -> Result<Invoice, Error> {
    let unusable = |error| garbled(&format!("an invoice that cannot be used: {error}"));
    Invoice::decode(pr).map_err(unusable)
}

/// Returns the answer, or the error that the service has put in its place.
fn done<T>(answer: Answered<T>) -> Result<T, Error> {
    match answer {
        Answered::Done(answer) => Ok(answer),
        Answered::Error(error) => Err(error.into_error()),
    }
}

/// A Lightning address that can be paid.
#[derive(Debug)]
pub(super) struct LnurlReceive {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
    pub(super) address: Address,
    /// The description, and the monotonic time at which it was read. `None` after an error.
    pub(super) description: Mutex<Option<(Description, Duration)>>,
    /// The amounts that were last described, and the life of the newest invoice.
    pub(super) limits: SyncMutex<InvoiceLimits>,
    pub(super) invoices: SyncMutex<Invoices>,
    /// Held by the stream that asks about invoices, so that several ask no more often than one.
    pub(super) polling: Mutex<()>,
}

impl Receive for LnurlReceive {
    fn network(&self) -> Network {
        self.network
    }

    /// The service makes the invoices, and may tell a preimage to anybody.
    fn preimage_is_proof(&self) -> bool {
        false
    }

    fn limits(&self) -> InvoiceLimits {
        *self.last_limits()
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let description = self.description().await?;
            let amount = request.amount;
            if amount < description.least || amount > description.most {
                let (least, most) = (description.least, description.most);
                let text = format!("the Lightning address takes {least} to {most} at a time");
                return Err(Error::new(ErrorKind::Rejected, text));
            }
            let made = self.address.ask(&description, amount).await;
            let made = made.and_then(|made| self.take(made, &request, &description));
            if made.is_err() {
                // The callback may have moved, or the description has changed.
                *self.description.lock().await = None;
            }
            made
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(self.look_up(payment_hash))
    }

    fn lookup_by(
        &self,
        reference: String,
        payment_hash: PaymentHash,
        amount: Msat,
    ) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let known = self.invoices().without_asking(&payment_hash);
            if !matches!(known, Known::State(InvoiceState::Unseen)) {
                // Told to the streams as well.
                return self.look_up(payment_hash).await;
            }
            let verify = self.address.guard.read(&reference)?;
            let state = self.address.verify(&verify, payment_hash, amount);
            state.await
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        Box::pin(stream::try_unfold(from, move |from| async move {
            let next = self.next_settlement(from).await?;
            let from = next.index;
            Ok(Some((next, from)))
        }))
    }
}

impl LnurlReceive {
    /// Returns the description of the address, which is read again after an hour.
    async fn description(&self) -> Result<Description, Error> {
        // Locked while it is read, so that a crowd reads it once.
        let mut kept = self.description.lock().await;
        let now = self.clock.monotonic();
        if let Some((description, read)) = &*kept
            && now.saturating_sub(*read) < DESCRIBED_FOR
        {
            return Ok(description.clone());
        }
        let description = self.address.describe().await?;
        {
            let mut limits = self.last_limits();
            *limits = description.limits(limits.life.unwrap_or_default());
        }
        *kept = Some((description.clone(), now));
        Ok(description)
    }

    /// Checks an invoice against the request, and keeps the URL that tells its state: here for the
    /// streams, and in the invoice as its reference.
    fn take(
        &self,
        made: MadeInvoice,
        request: &InvoiceRequest,
        description: &Description,
    ) -> Result<NewInvoice, Error> {
        let verify = made.verify.ok_or_else(|| garbled("no verify URL"))?;
        let verify = self.address.guard.read(&verify)?;
        let now = self.clock.wall();
        description.check(&decode(&made.pr)?)?;
        let made = check::invoice_of_any_life(made.pr, request, self.network, now)?;
        let life = made.expires().since(made.terms().created);
        self.last_limits().life = Some(life);
        let reference = verify.to_string();
        if self.invoices().insert(&made, verify, request.amount, now) {
            Ok(made.with_reference(reference))
        } else {
            Err(garbled("an invoice that it has given before"))
        }
    }

    async fn look_up(&self, hash: PaymentHash) -> Result<InvoiceState, Error> {
        let known = self.invoices().without_asking(&hash);
        let (amount, verify) = match known {
            Known::State(state) => return Ok(state),
            Known::Ask(amount, verify) => (amount, verify),
        };
        let state = self.address.verify(&verify, hash, amount).await?;
        if let InvoiceState::Settled { .. } = state {
            self.invoices().settle(hash);
        }
        Ok(state)
    }

    /// Returns the first settlement after `from`. Asks about unpaid invoices until there is one.
    async fn next_settlement(&self, from: SettlementIndex) -> Result<Settlement, Error> {
        let newest = self.invoices().newest();
        let from = from.min(newest);
        loop {
            let polling = self.polling.lock().await;
            if let Some(next) = self.invoices().settled_after(from) {
                return Ok(next);
            }
            let due = self.invoices().take_due(self.clock.wall());
            if let Some(hash) = due {
                match self.look_up(hash).await {
                    // One invoice with which something is wrong must not hide the others.
                    Err(error) if error.is_retryable() => return Err(error),
                    Ok(_) | Err(_) => {}
                }
            }
            if self.invoices().settled_after(from).is_none() {
                tokio::time::sleep(PACE).await;
            }
            drop(polling);
        }
    }

    fn last_limits(&self) -> MutexGuard<'_, InvoiceLimits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn invoices(&self) -> MutexGuard<'_, Invoices> {
        self.invoices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
