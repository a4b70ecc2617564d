//! The wallets in their order, which answer as one.

use std::sync::Arc;

use l402::{Msat, Network, PaymentHash};
use l402_host::{BoxFuture, Clock};
use l402_lightning::{Error, ErrorKind, Pay, PayRequest, Payment};

use crate::buyer::asked::AskedWallets;

/// The text between two names.
const THEN: &str = ", then ";

/// Wallets of one network, in the order in which they are asked to pay.
#[derive(Debug)]
pub(in crate::buyer) struct Preference {
    pub(super) wallets: Vec<Arc<dyn Pay>>,
    pub(super) asked: AskedWallets,
    pub(super) clock: Arc<dyn Clock>,
}

impl Preference {
    /// Makes one wallet of several, at least one, all on one network.
    pub(in crate::buyer) fn new(
        wallets: Vec<Arc<dyn Pay>>,
        asked: AskedWallets,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            wallets,
            asked,
            clock,
        }
    }

    /// Returns the place of the wallet with this name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.wallets.iter().position(|wallet| wallet.name() == name)
    }
}

/// Returns the error of a payment that only a wallet of this name, which is not here, knows of.
pub(super) fn is_elsewhere(name: &str) -> Error {
    let text = format!("it was begun with {name}, which is not among these wallets");
    Error::new(ErrorKind::Unavailable, text)
}

/// Returns the outcome of a payment that no wallet was asked to make.
pub(super) fn refused(text: &str) -> Payment {
    Payment::failed(Error::new(ErrorKind::Rejected, text))
}

impl Pay for Preference {
    fn network(&self) -> Network {
        let first = self.wallets.first();
        first.map_or(Network::Regtest, |wallet| wallet.network())
    }

    fn name(&self) -> String {
        let names: Vec<String> = self.wallets.iter().map(|wallet| wallet.name()).collect();
        names.join(THEN)
    }

    fn answers_for(&self, name: &str) -> bool {
        name.split(THEN).all(|name| self.place(name).is_some())
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(self.pay_in_turn(request))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(self.lookup_noted(payment_hash))
    }

    fn failure_is_last(&self) -> bool {
        self.wallets.iter().all(|wallet| wallet.failure_is_last())
    }

    /// A payment goes through one wallet, so this is the largest of the balances and no sum.
    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let mut largest: Option<Result<Msat, Error>> = None;
            for wallet in &self.wallets {
                largest = Some(match (largest, wallet.balance().await) {
                    (Some(Ok(one)), Ok(other)) => Ok(one.max(other)),
                    (Some(Ok(one)), Err(_)) => Ok(one),
                    (_, balance) => balance,
                });
            }
            largest.unwrap_or(Ok(Msat::ZERO))
        })
    }
}
