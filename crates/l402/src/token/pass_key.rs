//! The key that seals passes: what a browser holds in place of a preimage.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::verify::VerifyError;
use super::{KeyNumber, KeyRing};
use crate::time::UnixTime;

/// The label that separates this derivation from that of root keys. Both stand behind their length, and
/// differ, so that no root key is ever the key of passes.
const PASS_KEY_LABEL: &[u8] = b"l402 pass key v1";

/// The key that seals the passes of the tokens of one key number. The program that sells chooses the cipher.
///
/// A secret: `Debug` shows nothing of it, and memory is wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PassKey([u8; 32]);

impl PassKey {
    /// Returns the 32 bytes, which are as secret as the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassKey(secret)")
    }
}

impl KeyRing {
    /// Returns the key that seals passes for the tokens of a key number.
    ///
    /// # Errors
    /// [`VerifyError::Expired`] if the key of the number has ended, [`VerifyError::KeyMissing`] if it
    /// exists and is not here, [`VerifyError::Invalid`] if there is none.
    pub fn pass_key(&self, number: KeyNumber, now: UnixTime) -> Result<PassKey, VerifyError> {
        let Some(key) = self.key_of(number) else {
            return Err(if self.lacks_key_of(number, now) {
                VerifyError::KeyMissing
            } else {
                VerifyError::Invalid
            });
        };
        if self.key_has_ended(number, now) {
            return Err(VerifyError::Expired);
        }
        let key = self.hmac(key, PASS_KEY_LABEL, &number.0.to_be_bytes());
        Ok(PassKey(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preimage::PaymentHash;
    use crate::token::{Identifier, MasterKey, TokenId, hmac_sha256};

    fn ring(deployment: &str, number: u16, seed: u8) -> KeyRing {
        let key = MasterKey::from_bytes(&hmac_sha256(b"pass keys", &[&[seed]])).unwrap();
        KeyRing::new(deployment, KeyNumber(number), key)
    }

    fn bytes(ring: &KeyRing, number: u16) -> [u8; 32] {
        let key = ring.pass_key(KeyNumber(number), UnixTime::from_secs(0));
        *key.unwrap().as_bytes()
    }

    #[test]
    fn deployment_number_and_master_key_each_change_it_and_it_is_no_root_key() {
        let key = bytes(&ring("shop", 1, 1), 1);
        assert_eq!(key, bytes(&ring("shop", 1, 1), 1));
        assert_ne!(key, bytes(&ring("shop", 1, 1), 2));
        assert_ne!(key, bytes(&ring("shop2", 1, 1), 1));
        assert_ne!(key, bytes(&ring("shop", 1, 2), 1));
        let identifier = Identifier {
            payment_hash: PaymentHash::from_bytes(key),
            token_id: TokenId::new(KeyNumber(1), [3; 30]),
        };
        let root = ring("shop", 1, 1).minting_key(&identifier);
        assert_ne!(&key, root.as_bytes());
    }

    #[test]
    fn it_ends_with_its_master_key_and_may_be_missing() {
        let (at, number) = (UnixTime::from_secs, KeyNumber);
        let old = MasterKey::from_bytes(&hmac_sha256(b"pass keys", &[&[9]])).unwrap();
        let ring = ring("shop", 5, 1)
            .with_old(number(3), old, at(10))
            .with_missing(number(2), at(10));
        let error = |n, secs| ring.pass_key(number(n), at(secs)).err();
        assert_eq!(error(3, 9), None);
        assert_eq!(error(3, 10), Some(VerifyError::Expired));
        assert_eq!(error(2, 9), Some(VerifyError::KeyMissing));
        assert_eq!(error(2, 10), Some(VerifyError::Invalid));
        assert_eq!(error(1, 9), Some(VerifyError::Invalid));
        assert!(!format!("{:?}", ring.pass_key(number(5), at(0))).contains('1'));
    }
}
