//! The two halves of a Lightning payment: hash and preimage.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The text was not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HexError;

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected exactly 64 hexadecimal digits")
    }
}

impl std::error::Error for HexError {}

fn hex32(text: &str) -> Result<[u8; 32], HexError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| HexError)?;
    Ok(bytes)
}

/// The SHA-256 of a [`Preimage`] (BOLT 11, field `p`). Public: it stands in the invoice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentHash([u8; 32]);

impl PaymentHash {
    /// A hash from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns true if anybody knows the preimage without paying: the zero hash, or the hash of
    /// zeros.
    #[must_use]
    pub fn has_public_preimage(&self) -> bool {
        self.0 == [0; 32] || *self == Preimage::from_bytes([0; 32]).payment_hash()
    }
}

impl fmt::Display for PaymentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PaymentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PaymentHash({self})")
    }
}

/// Reads 64 hexadecimal digits of either case.
impl FromStr for PaymentHash {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex32(text).map(Self)
    }
}

/// The proof of payment: 32 bytes that the payer learns when the payment settles.
///
/// A secret: `Debug` shows nothing of it, memory is wiped on drop, comparison takes constant
/// time. [`Preimage::to_hex`] is the one way out, for the credential and the payment journal.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Preimage([u8; 32]);

impl Preimage {
    /// A preimage from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, secret as the preimage itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash that an invoice asks a payment for.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        PaymentHash(Sha256::digest(self.0).into())
    }

    /// Whether this proves the payment of `hash`. The all-zero preimage proves nothing: it
    /// stands for "not yet known" in stores that other software keeps.
    #[must_use]
    pub fn proves(&self, hash: &PaymentHash) -> bool {
        let zero: bool = self.0.ct_eq(&[0; 32]).into();
        let equal: bool = self.payment_hash().0.ct_eq(&hash.0).into();
        equal && !zero
    }

    /// 64 lower-case hexadecimal digits, as the credential carries them.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for Preimage {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Preimage {}

impl fmt::Debug for Preimage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preimage(secret)")
    }
}

/// Reads 64 hexadecimal digits of either case (RFC 3548 section 6 writes upper case).
impl FromStr for Preimage {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex32(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_keeps_the_secret() {
        let preimage = Preimage::from_bytes([0xab; 32]);
        assert!(!format!("{preimage:?}").contains("ab"));
    }

    #[test]
    fn hex_of_either_case_and_nothing_else() {
        let lower = "2f466aea907bfa80883ece0c453f7ad6b358149e531dc7b7b2e30397e921fb50";
        let preimage: Preimage = lower.parse().unwrap();
        assert_eq!(lower.to_uppercase().parse(), Ok(preimage.clone()));
        assert_eq!(
            preimage.payment_hash().to_string(),
            "901f3b81e5db94dc462dda49a2552a159614945a0c2bb9beddd3ca8bc4e26eb6"
        );
        for bad in [
            &lower[2..],
            &format!("{lower}00"),
            &format!("0x{}", &lower[2..]),
            "",
        ] {
            assert_eq!(bad.parse::<Preimage>(), Err(HexError), "{bad}");
        }
    }

    #[test]
    fn zeros_prove_nothing() {
        let zeros = Preimage::from_bytes([0; 32]);
        assert!(!zeros.proves(&zeros.payment_hash()));
        assert!(zeros.payment_hash().has_public_preimage());
        assert!(PaymentHash::from_bytes([0; 32]).has_public_preimage());
        assert!(!PaymentHash::from_bytes([1; 32]).has_public_preimage());
    }
}
