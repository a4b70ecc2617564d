//! The node key, which signs invoices and from which every preimage is derived.

use std::path::Path;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey, SignOnly};
use hmac::{Hmac, Mac};
use l402::{Network, Preimage, UnixTime};
use l402_host::private;
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, InvoiceRequest, NewInvoice, check, message};

/// The label that keeps preimages apart from anything else derived from the key later.
const PREIMAGE_LABEL: &[u8] = b"l402 sandbox preimage 1";

/// The number of blocks that a payee leaves for the last hop: the value of BOLT 11. The sandbox
/// mines no block.
const FINAL_CLTV: u64 = 18;

/// The key of one sandbox. `Debug` is not implemented, and the memory is wiped on drop.
pub(super) struct NodeKey {
    context: Secp256k1<SignOnly>,
    public: PublicKey,
    secret: SecretKey,
    preimages: Zeroizing<[u8; 32]>,
}

impl NodeKey {
    /// Reads the key of `folder`; creates one at the first start.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("node.key");
        // Creates the key only if there is none: two first starts at once end with one key.
        private::create_hex_key(&path)?;
        let text = private::read(&path)?;
        Self::parse(&text).ok_or_else(|| {
            let path = path.display();
            let text = format!(
                "{path} does not hold 64 hexadecimal digits; restore it, or delete the folder \
                 to begin with a new sandbox"
            );
            Error::new(ErrorKind::Local, text)
        })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim_ascii_end(), bytes.as_mut_slice()).ok()?;
        let secret = SecretKey::from_slice(bytes.as_slice()).ok()?;
        let context = Secp256k1::signing_only();
        let public = PublicKey::from_secret_key(&context, &secret);
        let preimages = Zeroizing::new(hmac(bytes.as_slice(), PREIMAGE_LABEL));
        Some(Self {
            context,
            public,
            secret,
            preimages,
        })
    }

    /// Returns the public key that invoices name as the payee.
    pub(super) fn public(&self) -> [u8; 33] {
        self.public.serialize()
    }

    /// Signs a message, as other nodes do.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        message::sign(message, &self.secret)
    }

    /// Returns the preimage of the invoice with this payment secret. Needs no file.
    pub(super) fn preimage(&self, payment_secret: &[u8; 32]) -> Preimage {
        Preimage::from_bytes(hmac(self.preimages.as_slice(), payment_secret))
    }

    /// Returns another key that is the same as long as this one is; the label says what for.
    #[cfg(feature = "sandbox-nwc")]
    pub(super) fn derive(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        let own = Zeroizing::new(self.secret.secret_bytes());
        Zeroizing::new(hmac(own.as_slice(), label))
    }

    /// Makes a new signed invoice, different at every call.
    pub(super) fn invoice(
        &self,
        request: &InvoiceRequest,
        now: UnixTime,
    ) -> Result<NewInvoice, Error> {
        // The payer hands the payment secret back, so the preimage is derived again from it and
        // nothing is stored for an invoice.
        let payment_secret = random()?;
        let payment_hash = self.preimage(&payment_secret).payment_hash();
        // BOLT 11 holds whole seconds, so a fraction is dropped here, as the comparison drops it.
        let expiry = core::time::Duration::from_secs(request.expiry.as_secs());
        let invoice = InvoiceBuilder::new(Currency::Regtest)
            .description(request.memo.clone())
            .amount_milli_satoshis(request.amount.msat())
            .expiry_time(expiry)
            .duration_since_epoch(core::time::Duration::from_secs(now.secs()))
            .payment_hash(sha256::Hash::from_byte_array(*payment_hash.as_bytes()))
            .payment_secret(PaymentSecret(payment_secret))
            .min_final_cltv_expiry_delta(FINAL_CLTV)
            .build_signed(|digest| self.context.sign_ecdsa_recoverable(digest, &self.secret))
            .map_err(|error| {
                Error::new(ErrorKind::Rejected, format!("no such invoice: {error}"))
            })?;
        check::own_invoice(invoice.to_string(), request, Network::Regtest, now)
    }
}

impl Drop for NodeKey {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}

/// Draws 32 bytes from the system's random source.
pub(super) fn random() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Error::new(
            ErrorKind::Local,
            format!("no randomness: {error}"),
        )),
    }
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn many_who_start_at_once_end_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(8);
        let keys: Vec<[u8; 33]> = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                NodeKey::open(folder.path()).unwrap().public()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(
            keys.windows(2).all(|pair| pair.first() == pair.last()),
            "{keys:?}"
        );
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "the drafts are gone: {left:?}");
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        NodeKey::open(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join("node.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        private::create(&path, b"not a key").unwrap();
        let error = NodeKey::open(folder.path()).err().unwrap();
        assert!(error.to_string().contains("node.key"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
    }

    #[test]
    fn preimages_hang_on_key_and_payment_secret() {
        let [one, other] =
            ["11", "22"].map(|digits| NodeKey::parse(digits.repeat(32).as_bytes()).unwrap());
        assert_eq!(one.preimage(&[1; 32]), one.preimage(&[1; 32]));
        assert_ne!(one.preimage(&[1; 32]), one.preimage(&[2; 32]));
        assert_ne!(one.preimage(&[1; 32]), other.preimage(&[1; 32]));
    }
}
