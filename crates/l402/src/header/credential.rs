//! The credential: `Authorization: L402 <token>:<preimage>`, and the other headers that can hold
//! it.
//!
//! Four request headers can hold a credential. A request carries one credential or none. A request
//! that could be read in two ways is an error, so that no two programs on the way can disagree
//! about the credential that was presented.
//!
//! ```text
//! authorization: L402 T:P       T: token in base64, P: preimage in hex; LSAT is an old name
//! l402-credential: [L402] T:P   if another scheme needs the header authorization
//! macaroon: M                   M is the token in hex, with a caveat preimage=P
//! grpc-metadata-macaroon: M     the same, behind a gateway from HTTP to gRPC
//! ```

use core::fmt;

use super::challenge::{Scheme, is_tchar};
use crate::preimage::Preimage;
use crate::time::UnixTime;
use crate::token::{
    Authorized, KeyRing, Macaroon, Proven, RootKey, Target, VerifyError, unknown_key,
};

/// The reason why headers hold no single well-formed credential. Each variant is the problem
/// `invalid_auth_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The value is longer than [`Credential::MAX_LEN`].
    TooLarge,
    /// Two credentials that differ, several tokens in one, or another `authorization` line beside
    /// one.
    Several,
    /// The token is not a macaroon that this crate reads.
    Token,
    /// The preimage is missing, or is not exactly 64 hexadecimal digits.
    Preimage,
    /// The value is not visible ASCII, or does not follow the grammar of its header.
    Syntax,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the credential is longer than 8 KiB",
            Self::Several => "more than one credential; send exactly one token and one preimage",
            Self::Token => "the token does not decode; send it exactly as the challenge gave it",
            Self::Preimage => "the preimage is missing or is not exactly 64 hexadecimal digits",
            Self::Syntax => "the credential does not read \"L402 <token>:<preimage>\"",
        })
    }
}

impl std::error::Error for CredentialError {}

/// A macaroon and a preimage, both well-formed and not yet verified.
///
/// ```
/// use l402::{Credential, CredentialError};
///
/// let read = |name, value: &'static str| Credential::from_headers([(name, value.as_bytes())]);
///
/// // Another header, or another scheme, holds no credential of this protocol.
/// assert_eq!(read("accept", "*/*"), Ok(None));
/// assert_eq!(read("authorization", "Bearer x"), Ok(None));
/// assert_eq!(read("authorization", "L402 AgEEbDQwMg=="), Err(CredentialError::Preimage));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    macaroon: Macaroon,
    preimage: Preimage,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(secret)")
    }
}

impl Credential {
    /// The longest token, colon and preimage together, in bytes: 8 KiB.
    pub const MAX_LEN: usize = 8 * 1024;

    /// The names of the request headers that can hold a credential, in lower case. The gateway
    /// removes them, except an `authorization` of another scheme.
    pub const HEADERS: [&'static str; 4] = [
        "authorization",
        "l402-credential",
        "macaroon",
        "grpc-metadata-macaroon",
    ];

    /// Makes a credential of a token and a preimage.
    #[must_use]
    pub fn new(token: Macaroon, preimage: Preimage) -> Self {
        Self {
            macaroon: token,
            preimage,
        }
    }

    /// Finds the credential among request headers, given as (lower-case name, value). Returns
    /// `None` if there is none.
    ///
    /// An `authorization` of another scheme is no credential. It may stand beside a credential in
    /// `l402-credential`, but not beside one in a second `authorization` line: HTTP allows that
    /// header once (ATTACKS H-19). The same credential twice counts once, since one known client
    /// sends it under both names of the scheme.
    ///
    /// DIFFERENCE: the specification allows several tokens before the colon without saying what
    /// they mean together. They are refused here (`spec/DECISIONS.md`, "Several tokens").
    ///
    /// # Errors
    /// [`CredentialError::Several`] for two credentials that differ; otherwise the error of the
    /// first header that is meant as a credential and cannot be read.
    pub fn from_headers<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Option<Self>, CredentialError> {
        let mut found: Option<Self> = None;
        let (mut ours, mut foreign) = (false, false);
        for (name, value) in headers {
            let value = trim(value);
            let credential = match name {
                "authorization" if Self::is_l402(value) => {
                    ours = true;
                    Self::from_authorization(value)?
                }
                "authorization" => {
                    foreign = true;
                    continue;
                }
                "l402-credential" => Self::from_own_header(value)?,
                "macaroon" | "grpc-metadata-macaroon" => Self::from_metadata(value)?,
                _ => continue,
            };
            // Compared after decoding, not as text: one token has several spellings (ATTACKS T-13).
            if found
                .replace(credential)
                .is_some_and(|earlier| Some(&earlier) != found.as_ref())
            {
                return Err(CredentialError::Several);
            }
        }
        // Decided after all lines, since the two may come in either order.
        if ours && foreign {
            Err(CredentialError::Several)
        } else {
            Ok(found)
        }
    }

    /// Returns true if the scheme of an `authorization` value is L402 or LSAT, in any case, even if
    /// the rest is malformed.
    #[must_use]
    pub fn is_l402(authorization: &[u8]) -> bool {
        split_scheme(trim(authorization)).is_some()
    }

    /// Reads `L402 <token>:<preimage>`, with one or more spaces after the scheme.
    fn from_authorization(value: &[u8]) -> Result<Self, CredentialError> {
        let (_, rest) = split_scheme(value).ok_or(CredentialError::Syntax)?;
        let pair = rest.strip_prefix(b" ").ok_or(CredentialError::Syntax)?;
        Self::from_pair(pair.trim_ascii_start())
    }

    /// Reads the value of `l402-credential`, with or without the name of the scheme.
    fn from_own_header(value: &[u8]) -> Result<Self, CredentialError> {
        if Self::is_l402(value) {
            Self::from_authorization(value)
        } else {
            Self::from_pair(value)
        }
    }

    /// Reads `<token>:<preimage>`, the token in base64. Splits at the last colon.
    fn from_pair(pair: &[u8]) -> Result<Self, CredentialError> {
        let pair = visible(pair)?;
        let (token, preimage) = pair.rsplit_once(':').ok_or(CredentialError::Preimage)?;
        Ok(Self {
            macaroon: Macaroon::from_base64(token).map_err(|_| CredentialError::Token)?,
            preimage: preimage.parse().map_err(|_| CredentialError::Preimage)?,
        })
    }

    /// Reads a macaroon in hexadecimal whose preimage is in one of its caveats, the form of gRPC
    /// metadata.
    fn from_metadata(value: &[u8]) -> Result<Self, CredentialError> {
        let macaroon = Macaroon::from_hex(visible(value)?).map_err(|_| CredentialError::Token)?;
        let preimage = caveat_preimage(&macaroon).ok_or(CredentialError::Preimage)?;
        Ok(Self { macaroon, preimage })
    }

    /// Returns the value of an `Authorization` header. A secret.
    #[must_use]
    pub fn to_header(&self) -> String {
        let scheme = Scheme::L402.name();
        format!(
            "{scheme} {}:{}",
            self.macaroon.to_base64(),
            self.preimage.to_hex()
        )
    }

    /// Returns the token.
    #[must_use]
    pub fn macaroon(&self) -> &Macaroon {
        &self.macaroon
    }

    /// Returns the preimage.
    #[must_use]
    pub fn preimage(&self) -> &Preimage {
        &self.preimage
    }

    /// Checks the preimage against the payment hash, then the signature against the root key.
    /// Caveats are not checked: see [`Proven::authorize`].
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if either check fails, without saying which (ATTACKS T-22);
    /// [`VerifyError::Expired`] if the token is genuine and its master key has ended (ATTACKS
    /// T-23); [`VerifyError::KeyMissing`] if its key exists and is not here, whoever signed it.
    pub fn prove(&self, keys: &KeyRing, now: UnixTime) -> Result<Proven, VerifyError> {
        // Keys that have ended are used too: only so a genuine token of an ended key (`Expired`)
        // differs from a forged one (`Invalid`).
        let root_key = |identifier: &_| match keys.kept_root_key(identifier) {
            Some(key) => Ok(key),
            None => Err(unknown_key(keys, identifier, now)),
        };
        let proven = Proven::new(&self.macaroon, &self.preimage, root_key)?;
        proven.holds(keys, now)?;
        Ok(proven)
    }

    /// Checks as [`Credential::prove`] does, under the root key of this one token, as other
    /// software stores it.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if either check fails.
    pub fn prove_with(&self, root_key: &RootKey) -> Result<Proven, VerifyError> {
        Proven::new(&self.macaroon, &self.preimage, |_| Ok(root_key.clone()))
    }
}

/// Splits off the name of the scheme. Returns `None` if it is neither L402 nor LSAT.
fn split_scheme(value: &[u8]) -> Option<(Scheme, &[u8])> {
    let end = value
        .iter()
        .position(|byte| !is_tchar(*byte))
        .unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    Some((Scheme::named(name)?, rest))
}

/// Returns the preimage of the caveat `preimage=`. Returns `None` if there is more than one: two
/// programs could each take another one for the preimage (ATTACKS T-20).
fn caveat_preimage(macaroon: &Macaroon) -> Option<Preimage> {
    let mut found = macaroon
        .caveats()
        .filter_map(|caveat| caveat.strip_prefix(b"preimage="));
    let (first, second) = (found.next()?, found.next());
    core::str::from_utf8(first)
        .ok()?
        .parse()
        .ok()
        .filter(|_| second.is_none())
}

/// Returns the value as text if it is visible ASCII, no list, and not too long.
fn visible(value: &[u8]) -> Result<&str, CredentialError> {
    // The limit comes first, so that nothing long is decoded (ATTACKS T-15).
    if value.len() > Credential::MAX_LEN {
        return Err(CredentialError::TooLarge);
    }
    // Programs on the way may join several lines of a header by commas (RFC 9110 section 5.3).
    if value.contains(&b',') {
        return Err(CredentialError::Several);
    }
    let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    core::str::from_utf8(value)
        .ok()
        .filter(|_| visible)
        .ok_or(CredentialError::Syntax)
}

/// Removes the white space around a field value, which is no part of it (RFC 9110 section 5.5).
fn trim(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last.saturating_add(1));
    value.get(start..end).unwrap_or_default()
}

/// Verifies a credential for one request: [`Credential::prove`], then [`Proven::authorize`].
///
/// # Errors
/// See [`VerifyError`].
pub fn verify(
    credential: &Credential,
    keys: &KeyRing,
    target: &Target<'_>,
) -> Result<Authorized, VerifyError> {
    credential.prove(keys, target.now)?.authorize(target)
}
