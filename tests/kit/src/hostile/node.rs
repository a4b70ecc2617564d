//! A node whose invoices somebody else makes, who tells every preimage to anybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use l402::{Network, PaymentHash, Preimage};
use l402_host::{BoxFuture, BoxStream, Clock};
use l402_lightning::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement,
    SettlementIndex,
};
use lightning_invoice::Currency;
use tokio::sync::Semaphore;

use super::invoice::Draft;

/// A node that hands out the preimage of an invoice before anybody has paid it.
#[derive(Debug)]
pub struct LeakyNode {
    clock: Arc<dyn Clock>,
    is_proof: bool,
    /// A look-up waits for a permit, and gives it back.
    pub gate: Semaphore,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    made: Vec<PaymentHash>,
    preimages: HashMap<PaymentHash, Preimage>,
    states: HashMap<PaymentHash, InvoiceState>,
    looked_up: Vec<PaymentHash>,
    is_away: bool,
}

impl LeakyNode {
    /// Makes a node without invoices.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::with(clock, false)
    }

    /// Makes a node that is believed to keep its preimages to itself.
    #[must_use]
    pub fn trusted(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::with(clock, true)
    }

    fn with(clock: Arc<dyn Clock>, is_proof: bool) -> Arc<Self> {
        Arc::new(Self {
            clock,
            is_proof,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            book: Mutex::default(),
        })
    }

    /// Tells the preimage of an invoice, as it does to anybody.
    ///
    /// # Panics
    /// If the invoice is not of this node.
    #[must_use]
    pub fn preimage(&self, hash: &PaymentHash) -> Preimage {
        self.book().preimages[hash].clone()
    }

    /// Returns the payment hash of the newest invoice.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn newest(&self) -> PaymentHash {
        *self.book().made.last().expect("an invoice")
    }

    /// Sets the state of an invoice. By default it is open.
    pub fn set(&self, hash: PaymentHash, state: InvoiceState) {
        self.book().states.insert(hash, state);
    }

    /// Answers no look-up from now on, or does again.
    pub fn go_away(&self, is_away: bool) {
        self.book().is_away = is_away;
    }

    /// Returns the payment hashes that were looked up, in order.
    #[must_use]
    pub fn looked_up(&self) -> Vec<PaymentHash> {
        self.book().looked_up.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic before")
    }

    fn make(&self, request: &InvoiceRequest) -> String {
        let mut book = self.book();
        let mut secret = [0x5a; 32];
        secret[..8].copy_from_slice(&(book.made.len() as u64).to_be_bytes());
        let preimage = Preimage::from_bytes(secret);
        let hash = preimage.payment_hash();
        book.made.push(hash);
        book.preimages.insert(hash, preimage);
        let draft = Draft {
            currency: Currency::Regtest,
            msat: Some(request.amount.msat()),
            created: self.clock.wall(),
            expiry: request.expiry.as_secs(),
            hash,
        };
        draft.sign()
    }

    async fn look_up(&self, hash: PaymentHash) -> Result<InvoiceState, Error> {
        self.book().looked_up.push(hash);
        let _permit = self.gate.acquire().await.expect("open");
        let book = self.book();
        if book.is_away {
            return Err(Error::new(ErrorKind::Unavailable, "away"));
        }
        let state = book.states.get(&hash).copied();
        Ok(state.unwrap_or(InvoiceState::Open))
    }
}

impl Receive for LeakyNode {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn preimage_is_proof(&self) -> bool {
        self.is_proof
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        let made = NewInvoice::read(self.make(&request)).expect("an invoice");
        Box::pin(core::future::ready(Ok(made)))
    }

    fn lookup(&self, hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(self.look_up(hash))
    }

    fn settlements(&self, _: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        Box::pin(futures_util::stream::pending())
    }
}
