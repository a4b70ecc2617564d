//! Payment hash and preimage, the two values that prove a Lightning payment.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The error for a text that is not exactly 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HexError;

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected exactly 64 hexadecimal digits")
    }
}

impl std::error::Error for HexError {}

/// Reads exactly 64 hexadecimal digits of either case.
fn hex32(text: &str) -> Result<[u8; 32], HexError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| HexError)?;
    Ok(bytes)
}

/// The SHA-256 of 32 zero bytes.
const HASH_OF_ZEROS: [u8; 32] = [
    0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20,
    0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25,
];

/// The SHA-256 of a [`Preimage`] (BOLT 11, field `p`). Public, as it is part of the invoice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentHash([u8; 32]);

impl PaymentHash {
    /// Makes a payment hash from its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns true if the preimage is known without paying, so that the hash proves nothing: the
    /// all-zero hash, and the hash of the all-zero preimage.
    #[must_use]
    pub fn has_public_preimage(&self) -> bool {
        self.0 == [0; 32] || self.0 == HASH_OF_ZEROS
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
/// A secret: `Debug` shows nothing of it, memory is wiped on drop, comparison takes constant time.
/// [`Preimage::to_hex`] is for the credential and the payment journal.
///
/// ```
/// use l402::Preimage;
///
/// let preimage = Preimage::from_bytes([0x2f; 32]);
/// let hash = preimage.payment_hash();
/// assert!(preimage.proves(&hash));
/// assert!(!Preimage::from_bytes([0x30; 32]).proves(&hash));
/// assert_eq!(format!("{preimage:?}"), "Preimage(secret)");
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Preimage([u8; 32]);

impl Preimage {
    /// Makes a preimage from its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes, which are as secret as the preimage.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the SHA-256 of the preimage, which an invoice names as its payment hash.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        PaymentHash(Sha256::digest(self.0).into())
    }

    /// Returns true if this preimage proves the payment of `hash`. The all-zero preimage proves
    /// nothing: stores of other software write it for "not yet known".
    #[must_use]
    pub fn proves(&self, hash: &PaymentHash) -> bool {
        let zero: bool = self.0.ct_eq(&[0; 32]).into();
        let equal: bool = self.payment_hash().0.ct_eq(&hash.0).into();
        equal && !zero
    }

    /// Returns 64 lower-case hexadecimal digits, the form in a credential. A secret.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for Preimage {
    fn eq(&self, other: &Self) -> bool {
        // A derived comparison would stop at the first byte that differs, and its time would tell.
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

    /// ATTACKS O-16.
    #[test]
    fn debug_keeps_the_secret() {
        let preimage = Preimage::from_bytes([0xab; 32]);
        assert!(!format!("{preimage:?}").contains("ab"));
    }

    /// ATTACKS P-04, P-05.
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
