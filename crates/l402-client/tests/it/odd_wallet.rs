//! A wallet with habits of its own.

use std::sync::{Arc, Mutex};

use l402::{Msat, Network, PaymentHash};
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
    /// Pays nothing, says that it does not know, and has never heard of it afterwards.
    pub(crate) forgets: bool,
    /// Reads the journal whenever it is asked to pay.
    pub(crate) journal: Journal,
    pub(crate) states: Mutex<Vec<State>>,
}

impl OddWallet {
    pub(crate) fn new(wallet: &Arc<SandboxWallet>, journal: Journal) -> Self {
        Self {
            wallet: wallet.clone(),
            fee: None,
            forgets: false,
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
        match (self.wallet.pay(request).await, self.fee) {
            (Payment::Settled { preimage, paid, .. }, Some(fee)) => Payment::Settled {
                preimage,
                paid,
                fee,
            },
            (outcome, _) => outcome,
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
            return Box::pin(async { Ok(None) });
        }
        self.wallet.lookup(hash)
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        self.wallet.balance()
    }
}
