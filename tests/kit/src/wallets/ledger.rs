//! The payments of a double, and its faults.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt;
use l402::{Invoice, Msat, PaymentHash, Preimage};
use l402_lightning::{
    InvoiceRequest, InvoiceState, NewInvoice, Pay, PayRequest, Payment, Receive, Settlement,
    SettlementIndex,
};

use crate::TestHome;

/// A fault of a double, in force until the next one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Pays, and answers with another preimage, in the record too.
    BadPreimage,
    /// Makes an invoice of half the amount.
    CheapInvoice,
    /// Pays, and breaks the answer off.
    DropsAfterPay,
    /// Takes the request to pay, makes no record of it, and never answers.
    Hangs,
    /// Answers everything with the page of a proxy and this status.
    Html(u16),
    /// Makes no record of a payment, and answers the request to pay as a proxy with this status.
    HtmlOnPay(u16),
    /// Answers everything without end.
    Huge,
    /// Holds the payment: the record says that it is in flight, and no answer comes.
    InFlight,
    /// Pays, and leaves out the preimage, in the record too.
    NoPreimage,
    /// Says with status 204, and with no words, that it knows nothing of a payment.
    NoContent,
    /// No fault.
    #[default]
    None,
    /// Refuses to pay in the wallet's own words, and makes no record.
    Refuses,
    /// Refuses to pay and says that the payment is under way already, and makes no record.
    RefusesAsBegun,
    /// Fails to pay, and records the failure.
    Fails,
    /// Never answers anything.
    Silent,
    /// Pays, and leaves out the fee, in the record too.
    TellsNoFee,
}

/// The record of an outgoing payment at a double.
pub(super) enum Record {
    Absent,
    Failed,
    InFlight,
    Settled {
        preimage: Option<String>,
        paid: Msat,
        /// `None` if it is not told.
        fee: Option<Msat>,
    },
}

/// The end of a request to pay.
pub(super) enum Answer {
    /// With the record.
    Record,
    CutOff,
    Never,
    Page(u16),
    Refusal,
    RefusalAsBegun,
}

/// The payments of a double.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The home whose sandbox holds the invoices and payments.
    pub home: TestHome,
    /// The number of requests to pay that were taken.
    pub asked_to_pay: AtomicUsize,
    fault: Mutex<Fault>,
    is_lnbits: AtomicBool,
    /// The invoices made here, in the order in which they were made.
    invoices: Mutex<Vec<NewInvoice>>,
    /// The invoices that were to be paid.
    texts: Mutex<HashMap<PaymentHash, String>>,
    /// The payments that are held (true) or have failed (false), which the sandbox knows nothing of.
    marks: Mutex<HashMap<PaymentHash, bool>>,
}

impl Ledger {
    /// Sets the fault from now on.
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().expect("not poisoned") = fault;
    }

    pub(super) fn fault(&self) -> Fault {
        *self.fault.lock().expect("not poisoned")
    }

    pub(super) fn mark_lnbits(&self) {
        self.is_lnbits.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_lnbits(&self) -> bool {
        self.is_lnbits.load(Ordering::SeqCst)
    }

    /// Ends a payment that is held: by paying it, or as a failure.
    ///
    /// # Panics
    /// If it cannot be paid.
    pub async fn end(&self, bolt11: &str, settles: bool) {
        let hash = Invoice::decode(bolt11).expect("BOLT 11").payment_hash;
        if settles {
            self.marks().remove(&hash);
            self.pay_now(bolt11).await;
        } else {
            self.marks().insert(hash, false);
        }
    }

    /// Returns the preimage of an invoice that nobody has paid, as anybody who reads the server's data
    /// sees it. The sandbox tells it to nobody, so that this is a value of the right form only.
    pub(super) fn unpaid_preimage() -> String {
        Preimage::from_bytes([7; 32]).to_hex().to_string()
    }

    pub(super) async fn create(&self, sat: u64, expiry: u64, memo: &str) -> NewInvoice {
        let half = self.fault() == Fault::CheapInvoice;
        let amount = Msat::from_sat(if half { sat / 2 } else { sat });
        let request = InvoiceRequest::new(amount, Duration::from_secs(expiry), memo);
        let made = self.home.sandbox.create_invoice(request).await;
        let made = made.expect("an invoice");
        let mut invoices = self.invoices.lock().expect("not poisoned");
        invoices.push(made.clone());
        made
    }

    pub(super) fn invoices(&self) -> Vec<NewInvoice> {
        self.invoices.lock().expect("not poisoned").clone()
    }

    pub(super) async fn state(&self, hash: PaymentHash) -> InvoiceState {
        self.home.sandbox.lookup(hash).await.expect("a state")
    }

    /// Returns all settlements so far, oldest first.
    pub(super) async fn settled(&self) -> Vec<Settlement> {
        let mut found = Vec::new();
        let mut stream = self.home.sandbox.settlements(SettlementIndex::default());
        // The stream never ends, so a pause of 40 ms counts as its end.
        while let Ok(next) = tokio::time::timeout(Duration::from_millis(40), stream.next()).await {
            found.push(next.expect("goes on").expect("a settlement"));
        }
        found
    }

    pub(super) async fn balance(&self) -> Msat {
        self.home.wallet.balance().await.expect("a balance")
    }

    pub(super) async fn record(&self, hash: PaymentHash) -> Record {
        let mark = self.marks().get(&hash).copied();
        match mark {
            Some(true) => return Record::InFlight,
            Some(false) => return Record::Failed,
            None => {}
        }
        match self.home.wallet.lookup(hash).await.expect("an answer") {
            Some(Payment::Settled {
                preimage,
                paid,
                fee,
            }) => Record::Settled {
                preimage: match self.fault() {
                    Fault::NoPreimage => None,
                    Fault::BadPreimage => Some("0".repeat(64)),
                    _ => Some(preimage.to_hex().to_string()),
                },
                paid,
                fee: (self.fault() != Fault::TellsNoFee).then_some(fee),
            },
            _ => Record::Absent,
        }
    }

    /// Takes a request to pay, and counts it once it is taken.
    pub(super) async fn pay(&self, bolt11: &str) -> Answer {
        let answer = self.take(bolt11).await;
        self.asked_to_pay.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn take(&self, bolt11: &str) -> Answer {
        let hash = Invoice::decode(bolt11).expect("BOLT 11").payment_hash;
        self.texts().insert(hash, bolt11.to_owned());
        match self.record(hash).await {
            Record::Absent | Record::Failed => {}
            // Both wallets refuse to pay a hash again.
            Record::InFlight | Record::Settled { .. } => return Answer::RefusalAsBegun,
        }
        match self.fault() {
            Fault::Hangs => return Answer::Never,
            Fault::HtmlOnPay(status) => return Answer::Page(status),
            Fault::Refuses => return Answer::Refusal,
            Fault::RefusesAsBegun => return Answer::RefusalAsBegun,
            Fault::InFlight => {
                self.marks().insert(hash, true);
                return Answer::Never;
            }
            Fault::Fails => {
                self.marks().insert(hash, false);
                return Answer::Record;
            }
            _ => {}
        }
        self.marks().remove(&hash);
        if !self.pay_now(bolt11).await {
            self.marks().insert(hash, false);
        }
        if self.fault() == Fault::DropsAfterPay {
            return Answer::CutOff;
        }
        Answer::Record
    }

    /// Returns an invoice that was to be paid.
    pub(super) fn text(&self, hash: &PaymentHash) -> Option<String> {
        self.texts().get(hash).cloned()
    }

    fn texts(&self) -> MutexGuard<'_, HashMap<PaymentHash, String>> {
        self.texts.lock().expect("not poisoned")
    }

    async fn pay_now(&self, bolt11: &str) -> bool {
        let request = PayRequest::new(bolt11, Msat::from_sat(1000), Duration::from_secs(10));
        let payment = self.home.wallet.pay(request).await;
        matches!(payment, Payment::Settled { .. })
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<PaymentHash, bool>> {
        self.marks.lock().expect("not poisoned")
    }
}
