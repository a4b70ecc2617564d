//! The outcome of a payment, as the wallets know it.

use l402::PaymentHash;
use l402_lightning::{Error, Payment};

use super::Preference;
use super::order::is_elsewhere;

impl Preference {
    /// Asks the wallet that was asked to pay, or all of them if that is not noted.
    pub(super) async fn lookup_noted(&self, hash: PaymentHash) -> Result<Option<Payment>, Error> {
        let Some(name) = self.asked.wallet(hash)? else {
            return self.lookup_all(hash).await;
        };
        let wallet = self.place(&name).and_then(|place| self.wallets.get(place));
        match wallet {
            Some(wallet) => wallet.lookup(hash).await,
            None => Err(is_elsewhere(&name)),
        }
    }

    /// Asks all wallets. One that settled it decides; *failed* and *never begun* need the word of all.
    pub(super) async fn lookup_all(&self, hash: PaymentHash) -> Result<Option<Payment>, Error> {
        let mut found: Result<Option<Payment>, Error> = Ok(None);
        for wallet in &self.wallets {
            let outcome = wallet.lookup(hash).await;
            found = match (found, outcome) {
                (_, Ok(Some(settled @ Payment::Settled { .. }))) => return Ok(Some(settled)),
                (found @ (Err(_) | Ok(Some(Payment::Unknown(_)))), _) => found,
                (_, open @ (Err(_) | Ok(Some(Payment::Unknown(_))))) => open,
                (found, Ok(None)) => found,
                (_, failed) => failed,
            };
        }
        found
    }
}
