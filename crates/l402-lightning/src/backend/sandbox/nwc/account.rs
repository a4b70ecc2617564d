//! The account behind the wallet: what each request does, and what became of each invoice.

use core::time::Duration;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use l402::text::bare_invoice;
use l402::{Invoice, Msat, PaymentHash, Preimage};
use serde_json::Value;

use super::super::open::blocking;
use super::super::pay::usual_fee;
use super::super::{Sandbox, SandboxWallet};
use super::record::{Direction, Entry, Page, Record};
use crate::backend::nwc::wire;
use crate::backend::nwc::wire::{
    ErrorCode, ListTransactions, LookupInvoice, MakeInvoice, Paid, PayInvoice, Transaction,
    TransactionState, WalletError,
};
use crate::{Error, ErrorKind, InvoiceRequest, InvoiceState, Pay, PayRequest, Payment, Receive};

/// The longest wait for a payment.
const DEADLINE: Duration = Duration::from_secs(60);
/// The expiry of an invoice, in seconds, if the request states none.
const EXPIRY_SECS: u64 = 3600;
/// The number of transactions that a list shows if the request states none, and at most.
const LIST: (u64, u64) = (20, 100);
/// The length of a list in bytes of JSON: an answer has to pass relays.
const LIST_BYTES: usize = 40_000;

/// The account `default` of a sandbox, and what it was asked over Nostr Wallet Connect.
pub(super) struct Account {
    sandbox: Sandbox,
    wallet: SandboxWallet,
    record: Arc<Record>,
    /// Payments that are on record and may not have reached the sandbox's file.
    beginning: Mutex<HashSet<PaymentHash>>,
}

impl Account {
    pub(super) fn new(sandbox: Sandbox, wallet: SandboxWallet) -> Self {
        let record = Record::new(sandbox.shared.file.beside("nwc.db"));
        Self {
            sandbox,
            wallet,
            record: Arc::new(record),
            beginning: Mutex::default(),
        }
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Returns the time in seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.sandbox.shared.clock.wall().secs()
    }

    pub(super) async fn balance(&self) -> Result<Msat, WalletError> {
        self.wallet.balance().await.map_err(internal)
    }

    pub(super) async fn make_invoice(
        &self,
        asked: MakeInvoice,
    ) -> Result<Transaction, WalletError> {
        let expiry = Duration::from_secs(asked.expiry.unwrap_or(EXPIRY_SECS));
        let memo = asked.description.unwrap_or_default();
        let request = InvoiceRequest::new(Msat::new(asked.amount), expiry, memo);
        let made = self.sandbox.create_invoice(request).await;
        let made = made.map_err(|error| match error.kind() {
            ErrorKind::Rejected => other(error.to_string()),
            _ => internal(error),
        })?;
        let invoice = Invoice::decode(made.bolt11()).map_err(|error| other(error.to_string()))?;
        let added = self.add(Direction::Incoming, &invoice, made.bolt11()).await;
        let entry = added.map_err(internal)?;
        let state = (TransactionState::Pending, None, None);
        Ok(transaction(&entry, &invoice, state, self.now()))
    }

    /// Pays, once per payment hash. Returns `None` if the outcome is unknown: NIP-47 has no word for
    /// that, and a wallet that does not know how a payment ends does not answer.
    pub(super) async fn pay(&self, asked: PayInvoice) -> Result<Option<Paid>, WalletError> {
        let bolt11 = bare_invoice(&asked.invoice);
        let invoice = Invoice::decode(bolt11).map_err(|error| other(error.to_string()))?;
        let amount = invoice.required_amount();
        let amount = amount.map_err(|error| other(error.to_string()))?;
        if asked.amount.is_some_and(|other| other != amount.msat()) {
            return Err(other("the invoice states another amount"));
        }
        let _beginning = self.begin(invoice.payment_hash);
        // Another payee's invoice is refused below, and is nothing that this wallet tells of.
        if invoice.payee == self.sandbox.payee() {
            let added = self.add(Direction::Outgoing, &invoice, bolt11).await;
            added.map_err(internal)?;
        }
        let request = PayRequest::new(bolt11, usual_fee(amount), DEADLINE);
        match self.wallet.pay(request).await {
            Payment::Settled { preimage, fee, .. } => Ok(Some(Paid {
                preimage: Some(preimage),
                fees_paid: Some(fee.msat()),
            })),
            Payment::Failed(failure) => {
                let covered = self.balance().await.is_ok_and(|balance| balance >= amount);
                let code = if covered {
                    ErrorCode::PaymentFailed
                } else {
                    ErrorCode::InsufficientBalance
                };
                Err(error(code, failure.error.to_string()))
            }
            Payment::Unknown(_) => Ok(None),
        }
    }

    /// Returns the invoice or payment that a request names.
    pub(super) async fn look_up(&self, asked: LookupInvoice) -> Result<Transaction, WalletError> {
        let hash = match (asked.payment_hash, asked.invoice) {
            (Some(hash), _) => hash.parse().map_err(|_| other("no payment hash"))?,
            (None, Some(invoice)) => {
                let invoice = Invoice::decode(bare_invoice(&invoice));
                invoice
                    .map_err(|error| other(error.to_string()))?
                    .payment_hash
            }
            (None, None) => return Err(other("name payment_hash or invoice")),
        };
        let found = self.transactions_of(hash).await.map_err(internal)?;
        let found = one_of(found);
        found.ok_or_else(|| error(ErrorCode::NotFound, "nothing with this payment hash"))
    }

    /// Returns what is known of a payment hash, the newest first.
    pub(super) async fn transactions_of(
        &self,
        hash: PaymentHash,
    ) -> Result<Vec<Transaction>, Error> {
        let record = Arc::clone(&self.record);
        let entries = blocking(move || record.of_hash(hash)).await?;
        let mut found = Vec::new();
        for entry in &entries {
            found.extend(self.transaction(entry).await?);
        }
        Ok(found)
    }

    /// Returns past transactions, the newest first, as many as fit into an answer.
    pub(super) async fn list(
        &self,
        asked: ListTransactions,
    ) -> Result<Vec<Transaction>, WalletError> {
        let (usual, most) = LIST;
        let page = Page {
            direction: asked.direction.map(|direction| match direction {
                wire::Direction::Incoming => Direction::Incoming,
                wire::Direction::Outgoing => Direction::Outgoing,
            }),
            from: asked.from.unwrap_or(0),
            // Zero means no end to programs that always write the member.
            until: asked.until.filter(|until| *until > 0).unwrap_or(u64::MAX),
            unpaid: asked.unpaid.unwrap_or(false),
            limit: asked
                .limit
                .filter(|limit| *limit > 0)
                .unwrap_or(usual)
                .min(most),
            offset: asked.offset.unwrap_or(0),
        };
        let record = Arc::clone(&self.record);
        let entries = blocking(move || record.page(&page)).await;
        let (mut found, mut length) = (Vec::new(), 0_usize);
        for entry in &entries.map_err(internal)? {
            let Some(one) = self.transaction(entry).await.map_err(internal)? else {
                continue;
            };
            // Another account may have paid what this one could not.
            if !page.unpaid && one.state != Some(TransactionState::Settled) {
                continue;
            }
            let json = serde_json::to_value(&one).unwrap_or(Value::Null);
            length = length.saturating_add(json.to_string().len());
            if length > LIST_BYTES {
                break;
            }
            found.push(one);
        }
        Ok(found)
    }

    /// Notes that a settlement was noticed, and returns the transactions that it ends.
    pub(super) async fn settle(&self, hash: PaymentHash) -> Result<Vec<Transaction>, Error> {
        let (record, now) = (Arc::clone(&self.record), self.now());
        blocking(move || record.settle(hash, now)).await?;
        self.transactions_of(hash).await
    }

    async fn add(
        &self,
        direction: Direction,
        invoice: &Invoice,
        bolt11: &str,
    ) -> Result<Entry, Error> {
        let entry = Entry {
            direction,
            bolt11: bolt11.to_owned(),
            created: self.now(),
            settled: None,
        };
        let (record, added) = (Arc::clone(&self.record), entry.clone());
        let (hash, expires) = (invoice.payment_hash, invoice.expires.secs());
        blocking(move || record.add(&added, hash, expires)).await?;
        Ok(entry)
    }

    /// Returns what became of an entry, or `None` for a payment that was never begun.
    async fn transaction(&self, entry: &Entry) -> Result<Option<Transaction>, Error> {
        let invoice = Invoice::decode(&entry.bolt11)
            .map_err(|error| Error::new(ErrorKind::Local, format!("nwc.db: {error}")))?;
        let now = self.now();
        let state = match entry.direction {
            Direction::Incoming => Some(self.incoming(&invoice, now).await?),
            Direction::Outgoing => self.outgoing(&invoice).await?,
        };
        Ok(state.map(|state| transaction(entry, &invoice, state, now)))
    }

    async fn incoming(&self, invoice: &Invoice, now: u64) -> Result<Standing, Error> {
        let state = match self.sandbox.lookup(invoice.payment_hash).await? {
            InvoiceState::Settled { .. } => {
                let preimage = self.sandbox.shared.key.preimage(&invoice.payment_secret);
                return Ok((TransactionState::Settled, Some(preimage), None));
            }
            InvoiceState::Held => TransactionState::Accepted,
            InvoiceState::Cancelled | InvoiceState::Open | InvoiceState::Unseen => {
                if invoice.expires.secs() <= now {
                    TransactionState::Expired
                } else {
                    TransactionState::Pending
                }
            }
        };
        Ok((state, None, None))
    }

    async fn outgoing(&self, invoice: &Invoice) -> Result<Option<Standing>, Error> {
        // Asked first: a payment that reaches the file between the two questions is found there.
        let begins = self.is_beginning(invoice.payment_hash);
        Ok(match self.wallet.lookup(invoice.payment_hash).await? {
            Some(Payment::Settled { preimage, fee, .. }) => {
                Some((TransactionState::Settled, Some(preimage), Some(fee)))
            }
            // It may be tried again, and then it is in flight.
            Some(Payment::Failed(_)) if !begins => Some((TransactionState::Failed, None, None)),
            None if !begins => None,
            _ => Some((TransactionState::Pending, None, None)),
        })
    }

    fn begin(&self, hash: PaymentHash) -> Beginning<'_> {
        let mut beginning = self
            .beginning
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let first = beginning.insert(hash);
        Beginning {
            account: self,
            hash: first.then_some(hash),
        }
    }

    fn is_beginning(&self, hash: PaymentHash) -> bool {
        let beginning = self
            .beginning
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        beginning.contains(&hash)
    }
}

/// State, preimage and fee of a transaction.
type Standing = (TransactionState, Option<Preimage>, Option<Msat>);

/// A payment that begins, until it is dropped. Of several at once for one hash, the first counts:
/// by its end the sandbox's file tells of the payment.
struct Beginning<'a> {
    account: &'a Account,
    hash: Option<PaymentHash>,
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if let Some(hash) = self.hash {
            let beginning = &self.account.beginning;
            let mut beginning = beginning.lock().unwrap_or_else(PoisonError::into_inner);
            beginning.remove(&hash);
        }
    }
}

/// Returns one of the transactions of a payment hash, the newest first: what is settled, else the
/// newest.
fn one_of(found: Vec<Transaction>) -> Option<Transaction> {
    let settled = |one: &Transaction| one.state == Some(TransactionState::Settled);
    let is_both = found.len() == 2 && found.iter().all(settled);
    let chosen = found.iter().position(settled).unwrap_or(0);
    let mut one = found.into_iter().nth(chosen)?;
    if is_both {
        // A wallet that has paid its own invoice is asked as the payer and as the payee, and the
        // question does not say which. What is the same for both is told, and no direction.
        one.direction = None;
    }
    Some(one)
}

fn transaction(entry: &Entry, invoice: &Invoice, state: Standing, now: u64) -> Transaction {
    let (state, preimage, fee) = state;
    let (direction, created) = match entry.direction {
        Direction::Incoming => (wire::Direction::Incoming, invoice.created.secs()),
        Direction::Outgoing => (wire::Direction::Outgoing, entry.created),
    };
    let settled = state == TransactionState::Settled;
    Transaction {
        direction: Some(direction),
        state: Some(state),
        invoice: Some(entry.bolt11.clone()),
        description: Some(invoice.description.clone().unwrap_or_default()),
        preimage,
        payment_hash: Some(invoice.payment_hash),
        amount: invoice.amount.map_or(0, Msat::msat),
        fees_paid: Some(fee.map_or(0, Msat::msat)),
        created_at: Some(created),
        expires_at: Some(invoice.expires.secs()),
        settled_at: settled.then(|| entry.settled.unwrap_or(now)),
    }
}

pub(super) fn error(code: ErrorCode, message: impl Into<String>) -> WalletError {
    WalletError {
        code,
        message: message.into(),
    }
}

fn other(message: impl Into<String>) -> WalletError {
    error(ErrorCode::Other, message)
}

/// Returns the answer for a fault of the sandbox's own files, which names none of them.
fn internal(_: Error) -> WalletError {
    error(ErrorCode::Internal, "the sandbox's file cannot be used")
}
