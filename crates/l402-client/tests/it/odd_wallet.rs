//! A wallet with habits of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use l402::{Msat, Network, PaymentHash, Preimage};
use l402_client::{Journal, State};
use l402_host::BoxFuture;
use l402_lightning::sandbox::SandboxWallet;
use l402_lightning::{Error, ErrorKind, Pay, PayRequest, Payment, Unknown};

/// The buyer's wallet, with one of its habits changed.
#[derive(Debug)]
pub(crate) struct OddWallet {
    pub(crate) wallet: Arc<SandboxWallet>,
    /// Says that routing cost this much, whatever the limit.
    pub(crate) fee: Option<Msat>,
    /// Says that the payee got this much, whatever the invoice asks.
    pub(crate) paid: Option<Msat>,
    /// Tells so many times a preimage that proves nothing, payments and look-ups together.
    pub(crate) lies: AtomicU32,
    /// The number of look-ups.
    pub(crate) looked_up: AtomicU32,
    /// Pays nothing, says that it does not know, and has never heard of it afterwards.
    pub(crate) forgets: bool,
    /// Has the record of an earlier attempt that failed, if it forgets the last one; and promises, if
    /// this is true, that such a record is about the last one.
    pub(crate) recalls: Option<bool>,
    /// Reads the journal whenever it is asked to pay.
    pub(crate) journal: Journal,
    pub(crate) states: Mutex<Vec<State>>,
}

impl OddWallet {
    pub(crate) fn new(wallet: &Arc<SandboxWallet>, journal: Journal) -> Self {
        Self {
            wallet: wallet.clone(),
            fee: None,
            paid: None,
            lies: AtomicU32::new(0),
            looked_up: AtomicU32::new(0),
            forgets: false,
            recalls: None,
            journal,
            states: Mutex::default(),
        }
    }

    async fn oddly(&self, request: PayRequest) -> Payment {
        let entries = self.journal.entries(10).expect("entries");
        let states = entries.iter().map(|entry| entry.state);
        self.states.lock().expect("no panic before").extend(states);
        if self.forgets {
            let error = Error::new(ErrorKind::Timeout, "no idea");
            return Payment::Unknown(Unknown { error });
        }
        self.altered(self.wallet.pay(request).await)
    }

    fn altered(&self, outcome: Payment) -> Payment {
        let Payment::Settled {
            preimage,
            paid,
            fee,
        } = outcome
        else {
            return outcome;
        };
        let left = self.lies.load(Ordering::SeqCst);
        self.lies.store(left.saturating_sub(1), Ordering::SeqCst);
        Payment::Settled {
            preimage: if left > 0 {
                Preimage::from_bytes([13; 32])
            } else {
                preimage
            },
            paid: self.paid.unwrap_or(paid),
            fee: self.fee.unwrap_or(fee),
        }
    }
}

impl Pay for OddWallet {
    fn network(&self) -> Network {
        self.wallet.network()
    }

    fn name(&self) -> String {
        "the odd wallet".into()
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(self.oddly(request))
    }

    fn lookup(&self, hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        if self.forgets {
            let failed = || Payment::failed(Error::new(ErrorKind::Rejected, "no route"));
            let record = self.recalls.map(|_| failed());
            return Box::pin(async { Ok(record) });
        }
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let found = self.wallet.lookup(hash).await?;
            Ok(found.map(|outcome| self.altered(outcome)))
        })
    }

    fn failure_is_last(&self) -> bool {
        self.recalls == Some(true)
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        self.wallet.balance()
    }
}
