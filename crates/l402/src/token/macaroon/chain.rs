//! The macaroon, its chain of signatures, and the errors of reading one.

use core::fmt;
use core::ops::Range;

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
    /// V2 binary up to the last caveat, in one piece: a token that is shown once is read, hashed and
    /// forgotten, and each piece of its own would cost as much as its hash.
    bytes: Vec<u8>,
    /// The place of the location in it, empty if there is none.
    location: Range<usize>,
    /// The place of the identifier in it.
    identifier: Range<usize>,
    /// The place where the sections of the caveats begin.
    sections: usize,
    /// The number of caveats.
    count: usize,
    signature: [u8; 32],
}

/// The bytes that are set aside for a token that is about to be made: as many as one of our mint has.
const CAPACITY: usize = 288;

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
        let mut out = v2::Writer::with_capacity(CAPACITY);
        let location = if location.is_empty() {
            0..0
        } else {
            out.field(v2::LOCATION, location.as_bytes())
        };
        let place = out.field(v2::IDENTIFIER, identifier);
        out.end();
        let bytes = out.into_bytes();
        Self {
            location,
            identifier: place,
            sections: bytes.len(),
            count: 0,
            signature: hmac_sha256(root_key.as_bytes(), &[identifier]),
            bytes,
        }
    }

    /// Appends a first-party caveat. Attenuation needs no key.
    ///
    /// # Errors
    /// [`MacaroonError::TooManyCaveats`] above 64 caveats, [`MacaroonError::TooLarge`] above 4 KiB.
    pub fn with_caveat(mut self, caveat: &[u8]) -> Result<Self, MacaroonError> {
        if self.count >= Self::MAX_CAVEATS {
            return Err(MacaroonError::TooManyCaveats);
        }
        self.signature = hmac_sha256(&self.signature, &[caveat]);
        let mut out = v2::Writer::going_on(core::mem::take(&mut self.bytes));
        out.field(v2::IDENTIFIER, caveat);
        out.end();
        self.bytes = out.into_bytes();
        self.count = self.count.saturating_add(1);
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
        Self::from_vec(bytes.to_vec())
    }

    /// Reads V2 binary as [`Macaroon::from_bytes`] does, and keeps the vector.
    fn from_vec(mut bytes: Vec<u8>) -> Result<Self, MacaroonError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(MacaroonError::TooLarge);
        }
        let (mut count, mut is_third_party) = (0_usize, false);
        let frame = v2::walk(&bytes, Self::MAX_CAVEATS, |caveat| {
            count = count.saturating_add(1);
            is_third_party |= caveat.verification_id.is_some();
        })?;
        if is_third_party {
            return Err(MacaroonError::ThirdParty);
        }
        // go-macaroon ignores trailing bytes. Here they would give a token a second spelling.
        if !frame.rest.is_empty() {
            return Err(MacaroonError::Malformed);
        }
        let is_zero = frame.location.is_some_and(<[u8]>::is_empty);
        let (location, identifier) = (frame.location.unwrap_or_default(), frame.identifier);
        let sections = v2::place(&bytes, frame.sections);
        let mut read = Self {
            location: v2::place(&bytes, location),
            identifier: v2::place(&bytes, identifier),
            sections: sections.start,
            count,
            signature: *frame.signature,
            bytes: Vec::new(),
        };
        bytes.truncate(sections.end);
        read.bytes = bytes;
        if is_zero {
            read.leave_out_location();
        }
        Ok(read)
    }

    /// Takes out a location of length zero, which is two bytes behind the version.
    fn leave_out_location(&mut self) {
        self.bytes.drain(1..3);
        self.location = 0..0;
        let Range { start, end } = self.identifier;
        self.identifier = start.saturating_sub(2)..end.saturating_sub(2);
        self.sections = self.sections.saturating_sub(2);
    }

    /// Returns V2 binary. Bytes that were read are returned unchanged, except that a location of
    /// length zero is left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        bytes.extend_from_slice(&self.bytes);
        let mut out = v2::Writer::going_on(bytes);
        out.end();
        out.field(v2::SIGNATURE, &self.signature);
        out.into_bytes()
    }

    /// Returns the length of [`Macaroon::to_bytes`].
    pub(super) fn encoded_len(&self) -> usize {
        self.bytes.len().saturating_add(v2::TAIL_LEN)
    }

    /// Reads base64 of any of the four forms (standard or URL-safe, padded or not).
    ///
    /// # Errors
    /// [`MacaroonError::Base64`], and those of [`Macaroon::from_bytes`].
    pub fn from_base64(text: &str) -> Result<Self, MacaroonError> {
        if text.len() > Self::MAX_LEN.div_ceil(3).saturating_mul(4) {
            return Err(MacaroonError::TooLarge);
        }
        Self::from_vec(base64::decode(text).ok_or(MacaroonError::Base64)?)
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
        Self::from_vec(hex::decode(text).map_err(|_| MacaroonError::Hex)?)
    }

    /// Returns the location, empty if there is none. Not signed, and no decision uses it (ATTACKS
    /// T-32).
    #[must_use]
    pub fn location(&self) -> &[u8] {
        self.bytes.get(self.location.clone()).unwrap_or_default()
    }

    /// Returns the bytes of the identifier.
    #[must_use]
    pub fn identifier_bytes(&self) -> &[u8] {
        self.bytes.get(self.identifier.clone()).unwrap_or_default()
    }

    /// Returns the identifier, read as that of an L402 token.
    ///
    /// # Errors
    /// See [`IdentifierError`].
    pub fn identifier(&self) -> Result<Identifier, IdentifierError> {
        Identifier::from_bytes(self.identifier_bytes())
    }

    /// Returns the caveats in order, as raw bytes.
    pub fn caveats(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let sections = self.bytes.get(self.sections..).unwrap_or_default();
        v2::identifiers(sections, self.count)
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
        let first = hmac_sha256(root_key.as_bytes(), &[self.identifier_bytes()]);
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
        signature && self.bytes == other.bytes
    }
}

impl Eq for Macaroon {}

impl fmt::Debug for Macaroon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = hex::encode(Sha256::digest(self.identifier_bytes()));
        f.debug_struct("Macaroon")
            .field("identifier_sha256", &digest)
            .field("caveats", &self.count)
            .finish_non_exhaustive()
    }
}
