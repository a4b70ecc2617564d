//! The macaroon itself, and the errors of reading one.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{base64, v2};
use crate::token::{Identifier, IdentifierError, RootKey, hmac_sha256};

/// Why bytes or text are no macaroon of ours. No variant carries input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MacaroonError {
    /// Not base64 (standard or URL-safe alphabet, padded or not), or non-zero trailing bits.
    Base64,
    /// Not hexadecimal.
    Hex,
    /// More than 4 KiB decoded.
    TooLarge,
    /// More than 64 caveats.
    TooManyCaveats,
    /// A third-party caveat: outside the L402 specification.
    ThirdParty,
    /// Anything else that the format or canonical form forbids.
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
/// Well-formed, and nothing more: whether it is genuine, [`Credential::prove`] says. `Debug`
/// shows a digest of the identifier, the signature is wiped on drop and compared in constant
/// time.
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
    /// Decoded size limit in bytes (ATTACKS T-16).
    pub const MAX_LEN: usize = 4096;
    /// Caveat limit.
    pub const MAX_CAVEATS: usize = 64;

    /// A fresh macaroon without caveats. An empty location is left out of the encoding.
    ///
    /// The identifier must not be empty, and everything together must stay within
    /// [`Macaroon::MAX_LEN`]: otherwise no reader takes what this writes, this crate included.
    /// [`mint`](crate::mint) keeps within both.
    #[must_use]
    pub fn new(root_key: &RootKey, location: &str, identifier: &[u8]) -> Self {
        Self {
            location: location.as_bytes().into(),
            identifier: identifier.into(),
            caveats: Vec::new(),
            signature: hmac_sha256(root_key.as_bytes(), &[identifier]),
        }
    }

    /// Appends a first-party caveat: attenuation needs no key.
    ///
    /// # Errors
    /// [`MacaroonError::TooManyCaveats`] beyond 64, [`MacaroonError::TooLarge`] beyond 4 KiB.
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

    /// Reads V2 binary, the one format that opens doors here.
    ///
    /// Strict, so that a macaroon has one spelling: canonical varints, fields in order, nothing
    /// after the signature. One exception is a location of length zero, which one widespread
    /// library writes; it reads as no location, and is written as none.
    ///
    /// DIFFERENCE: the specification's own table of field tags belongs to no library; this is
    /// the layout of libmacaroons (`spec/DECISIONS.md`, "Binary layout").
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

    /// V2 binary. What was read from bytes gives the same bytes again, but for a location of
    /// length zero.
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

    /// The length of [`Macaroon::to_bytes`].
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

    /// Base64, any of the four forms (standard/URL-safe, padded/unpadded).
    ///
    /// # Errors
    /// [`MacaroonError::Base64`], and those of [`Macaroon::from_bytes`].
    pub fn from_base64(text: &str) -> Result<Self, MacaroonError> {
        if text.len() > Self::MAX_LEN.div_ceil(3).saturating_mul(4) {
            return Err(MacaroonError::TooLarge);
        }
        Self::from_bytes(&base64::decode(text).ok_or(MacaroonError::Base64)?)
    }

    /// Standard padded base64: what a challenge carries.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::encode(&self.to_bytes())
    }

    /// Hexadecimal of the V2 binary (gRPC metadata), of either case.
    ///
    /// # Errors
    /// [`MacaroonError::Hex`], and those of [`Macaroon::from_bytes`].
    pub fn from_hex(text: &str) -> Result<Self, MacaroonError> {
        if text.len() > Self::MAX_LEN.saturating_mul(2) {
            return Err(MacaroonError::TooLarge);
        }
        Self::from_bytes(&hex::decode(text).map_err(|_| MacaroonError::Hex)?)
    }

    /// Unsigned hint; no decision rests on it (ATTACKS T-32). Empty where there is none.
    #[must_use]
    pub fn location(&self) -> &[u8] {
        &self.location
    }

    /// Raw identifier bytes.
    #[must_use]
    pub fn identifier_bytes(&self) -> &[u8] {
        &self.identifier
    }

    /// The identifier of an L402 token.
    ///
    /// # Errors
    /// See [`IdentifierError`].
    pub fn identifier(&self) -> Result<Identifier, IdentifierError> {
        Identifier::from_bytes(&self.identifier)
    }

    /// The caveats in order, as raw bytes.
    pub fn caveats(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.caveats.iter().map(AsRef::as_ref)
    }

    /// The signature (a secret of the holder: it signs further caveats).
    #[must_use]
    pub fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    /// Whether the chain from `root_key` ends in this signature; constant-time compare
    /// (ATTACKS T-21).
    #[must_use]
    pub fn is_signed_by(&self, root_key: &RootKey) -> bool {
        let first = hmac_sha256(root_key.as_bytes(), &[&self.identifier]);
        let mut last = self
            .caveats()
            .fold(first, |key, caveat| hmac_sha256(&key, &[caveat]));
        let equal = last.ct_eq(&self.signature).into();
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
