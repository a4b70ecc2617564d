//! The macaroon, its chain of signatures, and the errors of reading one.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{base64, v2};
use crate::token::{Identifier, IdentifierError, RootKey, hmac_sha256};

/// The reason why bytes or text are no macaroon of ours. No variant carries input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MacaroonError {
    /// The text is not base64 (either alphabet, wholly padded or not at all), or bits are left
    /// over.
    Base64,
    /// The text is not hexadecimal.
    Hex,
    /// The macaroon is larger than 4 KiB, decoded.
    TooLarge,
    /// The macaroon has more than 64 caveats.
    TooManyCaveats,
    /// The macaroon has a third-party caveat, which L402 does not specify.
    ThirdParty,
    /// The bytes break the format or its canonical form in another way.
    Malformed,
}

impl fmt::Display for MacaroonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "the token is not base64; send it exactly as it was received",
            Self::Hex => "the token is not hexadecimal; write two digits for each byte",
            Self::TooLarge => "the macaroon is larger than 4096 bytes",
            Self::TooManyCaveats => "the macaroon has more than 64 caveats",
            Self::ThirdParty => "the macaroon has a third-party caveat, which L402 does not know",
            Self::Malformed => "the token is not a canonical V2 macaroon",
        })
    }
}

impl std::error::Error for MacaroonError {}

/// A macaroon: location, identifier, first-party caveats, signature.
///
/// Well-formed, not verified: [`Credential::prove`] says if it is genuine. `Debug` shows a digest
/// of the identifier. The signature is wiped on drop and compared in constant time.
///
/// ```
/// use l402::{Macaroon, RootKey};
///
/// let key = RootKey::from_root(b"a key as other software stores it");
/// let token = Macaroon::new(&key, "", b"an identifier").with_caveat(b"services=weather:0")?;
/// assert!(token.is_signed_by(&key));
///
/// // One token has four spellings in base64. Each is read as the same token.
/// let text = token.to_base64();
/// assert_eq!(Macaroon::from_base64(text.trim_end_matches('='))?, token);
/// # Ok::<(), l402::MacaroonError>(())
/// ```
///
/// [`Credential::prove`]: crate::Credential::prove
#[derive(Clone)]
pub struct Macaroon {
    location: Box<[u8]>,
    identifier: Box<[u8]>,
    caveats: Vec<Box<[u8]>>,
    signature: [u8; 32],
}

impl Macaroon {
    /// The largest macaroon in bytes, decoded: 4 KiB (ATTACKS T-16).
    pub const MAX_LEN: usize = 4096;
    /// The most caveats: 64.
    pub const MAX_CAVEATS: usize = 64;

    /// Makes a macaroon without caveats. An empty location is not written.
    ///
    /// The identifier must not be empty, and the whole must stay within [`Macaroon::MAX_LEN`].
    /// Otherwise no reader accepts the result, this crate included. [`mint`](crate::mint) stays
    /// within both limits.
    #[must_use]
    pub fn new(root_key: &RootKey, location: &str, identifier: &[u8]) -> Self {
        Self {
            location: location.as_bytes().into(),
            identifier: identifier.into(),
            caveats: Vec::new(),
            signature: hmac_sha256(root_key.as_bytes(), &[identifier]),
        }
    }

    /// Appends a first-party caveat. Attenuation needs no key.
    ///
    /// # Errors
    /// [`MacaroonError::TooManyCaveats`] above 64 caveats, [`MacaroonError::TooLarge`] above 4 KiB.
    pub fn with_caveat(mut self, caveat: &[u8]) -> Result<Self, MacaroonError> {
        if self.caveats.len() >= Self::MAX_CAVEATS {
            return Err(MacaroonError::TooManyCaveats);
        }
        self.signature = hmac_sha256(&self.signature, &[caveat]);
        self.caveats.push(caveat.into());
        if self.encoded_len() > Self::MAX_LEN {
            Err(MacaroonError::TooLarge)
        } else {
            Ok(self)
        }
    }

    /// Reads V2 binary, the only format that is accepted as a credential.
    ///
    /// Strict, so that a macaroon has only one spelling: shortest varints, fields in order, nothing
    /// after the signature. The one exception is a location of length zero, which one widespread
    /// library writes. It is read as no location.
    ///
    /// DIFFERENCE: no library uses the specification's table of field tags. This is the layout of
    /// libmacaroons (`spec/DECISIONS.md`, "Binary layout").
    ///
    /// # Errors
    /// [`MacaroonError::TooLarge`], [`MacaroonError::TooManyCaveats`],
    /// [`MacaroonError::ThirdParty`], [`MacaroonError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MacaroonError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(MacaroonError::TooLarge);
        }
        let (fields, rest) = v2::read(bytes, Self::MAX_CAVEATS)?;
        if fields
            .caveats
            .iter()
            .any(|caveat| caveat.verification_id.is_some())
        {
            return Err(MacaroonError::ThirdParty);
        }
        // go-macaroon ignores trailing bytes. Here they would give a token a second spelling.
        if !rest.is_empty() {
            return Err(MacaroonError::Malformed);
        }
        Ok(Self {
            location: fields.location.into(),
            identifier: fields.identifier.into(),
            caveats: fields
                .caveats
                .iter()
                .map(|caveat| caveat.identifier.into())
                .collect(),
            signature: *fields.signature,
        })
    }

    /// Returns V2 binary. Bytes that were read are returned unchanged, except that a location of
    /// length zero is left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = v2::Writer::with_capacity(self.encoded_len());
        if !self.location.is_empty() {
            out.field(v2::LOCATION, &self.location);
        }
        out.field(v2::IDENTIFIER, &self.identifier);
        out.end();
        for caveat in &self.caveats {
            out.field(v2::IDENTIFIER, caveat);
            out.end();
        }
        out.end();
        out.field(v2::SIGNATURE, &self.signature);
        out.into_bytes()
    }

    /// Returns the length of [`Macaroon::to_bytes`].
    pub(super) fn encoded_len(&self) -> usize {
        let location = if self.location.is_empty() {
            0
        } else {
            v2::field_len(&self.location)
        };
        let sections = core::iter::once(&self.identifier).chain(&self.caveats);
        sections
            .map(|id| v2::field_len(id).saturating_add(v2::END_LEN))
            .fold(location, usize::saturating_add)
            .saturating_add(v2::FRAME_LEN)
    }

    /// Reads base64 of any of the four forms (standard or URL-safe, padded or not).
    ///
    /// # Errors
    /// [`MacaroonError::Base64`], and those of [`Macaroon::from_bytes`].
    pub fn from_base64(text: &str) -> Result<Self, MacaroonError> {
        if text.len() > Self::MAX_LEN.div_ceil(3).saturating_mul(4) {
            return Err(MacaroonError::TooLarge);
        }
        Self::from_bytes(&base64::decode(text).ok_or(MacaroonError::Base64)?)
    }

    /// Returns standard base64 with padding, the form in a challenge.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode(&self.to_bytes())
    }

    /// Reads hexadecimal of either case, the form in gRPC metadata.
    ///
    /// # Errors
    /// [`MacaroonError::Hex`], and those of [`Macaroon::from_bytes`].
    pub fn from_hex(text: &str) -> Result<Self, MacaroonError> {
        if text.len() > Self::MAX_LEN.saturating_mul(2) {
            return Err(MacaroonError::TooLarge);
        }
        Self::from_bytes(&hex::decode(text).map_err(|_| MacaroonError::Hex)?)
    }

    /// Returns the location, empty if there is none. Not signed, and no decision uses it (ATTACKS
    /// T-32).
    #[must_use]
    pub fn location(&self) -> &[u8] {
        &self.location
    }

    /// Returns the bytes of the identifier.
    #[must_use]
    pub fn identifier_bytes(&self) -> &[u8] {
        &self.identifier
    }

    /// Returns the identifier, read as that of an L402 token.
    ///
    /// # Errors
    /// See [`IdentifierError`].
    pub fn identifier(&self) -> Result<Identifier, IdentifierError> {
        Identifier::from_bytes(&self.identifier)
    }

    /// Returns the caveats in order, as raw bytes.
    pub fn caveats(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.caveats.iter().map(AsRef::as_ref)
    }

    /// Returns the signature. A secret of the holder, since it signs further caveats.
    #[must_use]
    pub fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    /// Returns true if the chain from `root_key` ends in this signature. Compares in constant time
    /// (ATTACKS T-21).
    #[must_use]
    pub fn is_signed_by(&self, root_key: &RootKey) -> bool {
        let first = hmac_sha256(root_key.as_bytes(), &[&self.identifier]);
        let mut last = self
            .caveats()
            .fold(first, |key, caveat| hmac_sha256(&key, &[caveat]));
        let equal = last.ct_eq(&self.signature).into();
        // For a forged token this is the signature that it should have had.
        last.zeroize();
        equal
    }
}

impl Drop for Macaroon {
    fn drop(&mut self) {
        self.signature.zeroize();
    }
}

impl PartialEq for Macaroon {
    fn eq(&self, other: &Self) -> bool {
        // Not derived: the signature is a secret of the holder, and the time of a comparison that
        // stops early tells how much of a guess is right.
        let signature: bool = self.signature.ct_eq(&other.signature).into();
        signature
            && self.location == other.location
            && self.identifier == other.identifier
            && self.caveats == other.caveats
    }
}

impl Eq for Macaroon {}

impl fmt::Debug for Macaroon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = hex::encode(Sha256::digest(&self.identifier));
        f.debug_struct("Macaroon")
            .field("identifier_sha256", &digest)
            .field("caveats", &self.caveats.len())
            .finish_non_exhaustive()
    }
}
