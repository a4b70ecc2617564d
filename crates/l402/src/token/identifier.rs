//! The identifier of an L402 macaroon: 66 bytes (L402 macaroon-spec, "Identifier", version 0).

use crate::preimage::PaymentHash;

/// The number of the master key that minted a token: the first two bytes of the token id,
/// big-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(pub u16);

/// The token id: the key number, then 30 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId([u8; 32]);

impl TokenId {
    /// Makes a token id: the number of the minting key, then fresh random bytes.
    #[must_use]
    pub fn new(key: KeyNumber, randomness: [u8; 30]) -> Self {
        let mut bytes = [0; 32];
        let (number, rest) = bytes.split_at_mut(2);
        number.copy_from_slice(&key.0.to_be_bytes());
        rest.copy_from_slice(&randomness);
        Self(bytes)
    }

    /// Takes the 32 bytes of a token id, as [`TokenId::as_bytes`] returns them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the number of the key that minted the token. Meaningless in tokens of other
    /// software.
    #[must_use]
    pub const fn key_number(&self) -> KeyNumber {
        let [high, low, ..] = self.0;
        KeyNumber(u16::from_be_bytes([high, low]))
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The identifier of an L402 macaroon, exactly 66 bytes.
///
/// ```text
/// version 0   payment hash   token id
///  2 bytes     32 bytes      32 bytes: key number (2), random (30)
/// ```
///
/// ```
/// use l402::{Identifier, KeyNumber, Preimage, TokenId};
///
/// let identifier = Identifier {
///     payment_hash: Preimage::from_bytes([0x2f; 32]).payment_hash(),
///     token_id: TokenId::new(KeyNumber(1), [7; 30]),
/// };
/// assert_eq!(Identifier::from_bytes(&identifier.to_bytes()), Ok(identifier));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identifier {
    /// The payment hash of the invoice that was sent with the token.
    pub payment_hash: PaymentHash,
    /// The id that differs between two tokens for the same payment.
    pub token_id: TokenId,
}

/// The reason why bytes are no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentifierError {
    /// The length is not 66 bytes.
    Length,
    /// The version is not 0.
    Version,
}

impl core::fmt::Display for IdentifierError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the identifier is not 66 bytes long",
            Self::Version => "the identifier's version is not 0",
        })
    }
}

impl std::error::Error for IdentifierError {}

impl Identifier {
    /// The length on the wire, in bytes.
    pub const LEN: usize = 66;

    /// Returns the bytes that the macaroon holds.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (_version, rest) = bytes.split_at_mut(2);
        let (hash, id) = rest.split_at_mut(32);
        hash.copy_from_slice(self.payment_hash.as_bytes());
        id.copy_from_slice(self.token_id.as_bytes());
        bytes
    }

    /// Reads the identifier of a macaroon.
    ///
    /// # Errors
    /// [`IdentifierError::Length`] unless there are exactly 66 bytes, [`IdentifierError::Version`]
    /// unless the first two are zero.
    ///
    /// DIFFERENCE: Aperture pads 35 to 65 bytes with zeros and ignores bytes after the 66th
    /// (`spec/DECISIONS.md`, "Identifier").
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentifierError> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().map_err(|_| IdentifierError::Length)?;
        let [0, 0, rest @ ..] = bytes else {
            return Err(IdentifierError::Version);
        };
        let (hash, id) = rest.split_at(32);
        let fixed = |half: &[u8]| <[u8; 32]>::try_from(half).map_err(|_| IdentifierError::Length);
        Ok(Self {
            payment_hash: PaymentHash::from_bytes(fixed(hash)?),
            token_id: TokenId(fixed(id)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_both_ways_and_takes_nothing_else() {
        let identifier = Identifier {
            payment_hash: PaymentHash::from_bytes([7; 32]),
            token_id: TokenId::new(KeyNumber(513), [9; 30]),
        };
        let bytes = identifier.to_bytes();
        assert_eq!(Identifier::from_bytes(&bytes), Ok(identifier));
        assert_eq!(identifier.token_id.key_number(), KeyNumber(513));
        assert_eq!(
            Identifier::from_bytes(&bytes[..65]),
            Err(IdentifierError::Length)
        );
        assert_eq!(
            Identifier::from_bytes(&[&bytes[..], &[0]].concat()),
            Err(IdentifierError::Length)
        );
        for version in [[0, 1], [255, 255]] {
            let mut other = bytes;
            other[..2].copy_from_slice(&version);
            assert_eq!(
                Identifier::from_bytes(&other),
                Err(IdentifierError::Version)
            );
        }
    }
}
