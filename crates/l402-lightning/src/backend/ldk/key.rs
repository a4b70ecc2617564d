//! The keys that invoices need, derived from the node's own seed.

use core::time::Duration;

use l402::UnixTime;
use ldk_node::bitcoin::Network;
use ldk_node::bitcoin::bip32::Xpriv;
use ldk_node::bitcoin::hashes::{Hash as _, sha256};
use ldk_node::bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey, SignOnly};
use ldk_node::lightning::ln::channelmanager::MIN_FINAL_CLTV_EXPIRY_DELTA;
use ldk_node::lightning::ln::inbound_payment::{self, ExpandedKey};
use ldk_node::lightning::routing::router::RouteHint;
use ldk_node::lightning::sign::{EntropySource, KeysManager, NodeSigner as _};
use ldk_node::lightning_invoice::{Currency, InvoiceBuilder};
use zeroize::Zeroizing;

use super::folder::SEED_LEN;
use crate::{Error, ErrorKind, InvoiceRequest, message};

/// The seconds that LDK adds to the expiry of an invoice, because blocks may be dated ahead. A
/// token would have ended by then, so they are taken off: LDK refuses a payment once a block is
/// dated after the expiry.
const LDK_GRACE_SECS: u64 = 7200;

/// The key for invoices that the node recognises without having seen them. The payment secret holds
/// amount and expiry, encrypted; the preimage is a MAC over it, under a key that only the node can
/// derive.
pub(super) struct InvoiceKey {
    context: Secp256k1<SignOnly>,
    currency: Currency,
    expanded: ExpandedKey,
    payee: PublicKey,
    secret: SecretKey,
}

impl InvoiceKey {
    /// Derives the keys as LDK Node does: the seed's BIP 32 master key is the seed of LDK.
    pub(super) fn derive(seed: &[u8; SEED_LEN], network: Network) -> Result<Self, Error> {
        let master = Xpriv::new_master(network, seed).map_err(|_| {
            Error::new(
                ErrorKind::Local,
                "the seed gives no key; restore it from a backup",
            )
        })?;
        let ldk_seed = Zeroizing::new(master.private_key.secret_bytes());
        // The starting time only feeds the entropy of this value, which is not used.
        let keys = KeysManager::new(&ldk_seed, 0, 0, true);
        let context = Secp256k1::signing_only();
        let secret = keys.get_node_secret_key();
        Ok(Self {
            payee: PublicKey::from_secret_key(&context, &secret),
            context,
            currency: network.into(),
            expanded: keys.get_expanded_key(),
            secret,
        })
    }

    /// Returns the node that the invoices name as the payee.
    pub(super) const fn payee(&self) -> PublicKey {
        self.payee
    }

    /// Signs a message, as `ldk_node::Node::sign_message` does.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        message::sign(message, &self.secret)
    }

    /// Makes a new signed invoice, different at every call. Stores nothing.
    pub(super) fn invoice(
        &self,
        request: &InvoiceRequest,
        now: UnixTime,
        hints: Vec<RouteHint>,
    ) -> Result<String, Error> {
        let refused = || Error::new(ErrorKind::Rejected, "LDK can make no such invoice");
        let entropy = DrawnEntropy::new()?;
        let expiry = u32::try_from(request.expiry.as_secs()).map_err(|_| refused())?;
        let amount = request.amount.msat();
        let (hash, payment_secret) = inbound_payment::create(
            &self.expanded,
            Some(amount),
            expiry,
            &&entropy,
            // The invoice itself states the true time; only the payment secret is dated back.
            now.secs().saturating_sub(LDK_GRACE_SECS),
            None,
        )
        .map_err(|()| refused())?;
        let mut invoice = InvoiceBuilder::new(self.currency.clone())
            .description(request.memo.clone())
            .amount_milli_satoshis(amount)
            .duration_since_epoch(Duration::from_secs(now.secs()))
            .expiry_time(Duration::from_secs(u64::from(expiry)))
            .payment_hash(sha256::Hash::from_byte_array(hash.0))
            .payment_secret(payment_secret)
            .min_final_cltv_expiry_delta(u64::from(MIN_FINAL_CLTV_EXPIRY_DELTA))
            .basic_mpp();
        for hint in hints {
            invoice = invoice.private_route(hint);
        }
        invoice
            .build_signed(|digest| self.context.sign_ecdsa_recoverable(digest, &self.secret))
            .map(|invoice| invoice.to_string())
            .map_err(|error| Error::new(ErrorKind::Rejected, format!("no such invoice: {error}")))
    }
}

impl Drop for InvoiceKey {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}

/// Entropy for one invoice, drawn beforehand, because LDK asks for it through a method that cannot
/// fail.
struct DrawnEntropy([u8; 32]);

impl DrawnEntropy {
    fn new() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        match getrandom::fill(&mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(error) => Err(Error::new(
                ErrorKind::Local,
                format!("no randomness: {error}"),
            )),
        }
    }
}

impl EntropySource for DrawnEntropy {
    fn get_secure_random_bytes(&self) -> [u8; 32] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use l402::{Invoice, Msat};

    fn asked(amount: Msat) -> InvoiceRequest {
        let (expiry, memo) = (Duration::from_secs(600), "L402".to_owned());
        InvoiceRequest {
            amount,
            expiry,
            memo,
        }
    }

    #[test]
    fn invoices_of_one_key_differ_and_name_its_node() {
        let key = InvoiceKey::derive(&[7; SEED_LEN], Network::Regtest).unwrap();
        let now = UnixTime::from_secs(1_800_000_000);
        let make = || key.invoice(&asked(Msat::new(1)), now, Vec::new()).unwrap();
        let (one, two) = (make(), make());
        assert_ne!(one, two);
        let parsed: ldk_node::lightning_invoice::Bolt11Invoice = one.parse().unwrap();
        assert_eq!(parsed.recover_payee_pub_key(), key.payee());
        let says = Invoice::decode(&one).unwrap();
        assert_eq!(says.amount, Some(Msat::new(1)));
        assert_eq!(says.created, now);
        assert_ne!(
            says.payment_hash,
            Invoice::decode(&two).unwrap().payment_hash
        );
    }

    #[test]
    fn another_seed_is_another_node() {
        let of = |byte| {
            let key = InvoiceKey::derive(&[byte; SEED_LEN], Network::Regtest);
            key.unwrap().payee()
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
