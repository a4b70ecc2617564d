//! The credential: `Authorization: L402 <token>:<preimage>` and its other homes.
//!
//! Four request headers can hold one. A request carries one credential or none: whatever
//! could be read in two ways is an error, so that no two programs along the way can disagree
//! about what was presented.

use core::fmt;

use super::challenge::{Scheme, is_tchar};
use crate::preimage::Preimage;
use crate::time::UnixTime;
use crate::token::{Authorized, KeyRing, Macaroon, Proven, RootKey, Target, VerifyError};

/// Why headers hold no single well-formed credential. Every variant is `invalid_auth_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialError {
    /// Over 8 KiB.
    TooLarge,
    /// Two credentials that differ, several tokens in one, or another `authorization` beside it.
    Several,
    /// The token does not decode.
    Token,
    /// No `:`, or not exactly 64 hexadecimal digits after it.
    Preimage,
    /// Not visible ASCII, or otherwise outside the grammar of its header.
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

/// One token of ours and one preimage, well-formed and nothing more.
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
    /// The longest token, colon and preimage together, in bytes.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Names of the request headers that can hold a credential, in lower case. The gateway
    /// strips them (an `authorization` of another scheme stays).
    pub const HEADERS: [&'static str; 4] = [
        "authorization",
        "l402-credential",
        "macaroon",
        "grpc-metadata-macaroon",
    ];

    /// Joins the halves.
    #[must_use]
    pub fn new(token: Macaroon, preimage: Preimage) -> Self {
        Self {
            macaroon: token,
            preimage,
        }
    }

    /// Finds the one credential among request headers given as (lower-case name, value).
    ///
    /// An `authorization` of another scheme is no credential, and goes along with one in
    /// `l402-credential`, but not with one in a second `authorization` line: HTTP allows that
    /// header once (ATTACKS H-19). The same credential twice counts once, since one known client
    /// sends it under both names of the scheme.
    ///
    /// DIFFERENCE: the specification lets several tokens stand before the colon without saying
    /// what they mean together; here they are refused.
    ///
    /// # Errors
    /// [`CredentialError::Several`] for two that differ; otherwise the fault of the first header
    /// that is meant for us and cannot be read.
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
            if found
                .replace(credential)
                .is_some_and(|earlier| Some(&earlier) != found.as_ref())
            {
                return Err(CredentialError::Several);
            }
        }
        if ours && foreign {
            Err(CredentialError::Several)
        } else {
            Ok(found)
        }
    }

    /// Whether an `authorization` value is of the schemes L402 or LSAT (any case), well-formed
    /// or not.
    #[must_use]
    pub fn is_l402(authorization: &[u8]) -> bool {
        split_scheme(trim(authorization)).is_some()
    }

    /// `L402 <token>:<preimage>`, with one space or more.
    fn from_authorization(value: &[u8]) -> Result<Self, CredentialError> {
        let (_, rest) = split_scheme(value).ok_or(CredentialError::Syntax)?;
        let pair = rest.strip_prefix(b" ").ok_or(CredentialError::Syntax)?;
        Self::from_pair(pair.trim_ascii_start())
    }

    /// The same, or without the name of the scheme.
    fn from_own_header(value: &[u8]) -> Result<Self, CredentialError> {
        if Self::is_l402(value) {
            Self::from_authorization(value)
        } else {
            Self::from_pair(value)
        }
    }

    /// `<token>:<preimage>`, the token in base64, split at the last colon.
    fn from_pair(pair: &[u8]) -> Result<Self, CredentialError> {
        let pair = visible(pair)?;
        let (token, preimage) = pair.rsplit_once(':').ok_or(CredentialError::Preimage)?;
        Ok(Self {
            macaroon: Macaroon::from_base64(token).map_err(|_| CredentialError::Token)?,
            preimage: preimage.parse().map_err(|_| CredentialError::Preimage)?,
        })
    }

    /// The form of gRPC metadata: the macaroon in hexadecimal, the preimage in a caveat of it.
    fn from_metadata(value: &[u8]) -> Result<Self, CredentialError> {
        let macaroon = Macaroon::from_hex(visible(value)?).map_err(|_| CredentialError::Token)?;
        let preimage = caveat_preimage(&macaroon).ok_or(CredentialError::Preimage)?;
        Ok(Self { macaroon, preimage })
    }

    /// The value of `Authorization`. A secret.
    #[must_use]
    pub fn to_header(&self) -> String {
        let scheme = Scheme::L402.name();
        format!(
            "{scheme} {}:{}",
            self.macaroon.to_base64(),
            self.preimage.to_hex()
        )
    }

    /// The token.
    #[must_use]
    pub fn macaroon(&self) -> &Macaroon {
        &self.macaroon
    }

    /// The preimage.
    #[must_use]
    pub fn preimage(&self) -> &Preimage {
        &self.preimage
    }

    /// Checks the preimage against the hash, then the MAC. Nothing else.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`], whichever of the two fails (ATTACKS T-22);
    /// [`VerifyError::Expired`] for a genuine token whose key has ended (ATTACKS T-23).
    pub fn prove(&self, keys: &KeyRing, now: UnixTime) -> Result<Proven, VerifyError> {
        let root_key = |identifier: &_| keys.kept_root_key(identifier);
        let proven = Proven::new(&self.macaroon, &self.preimage, root_key)?;
        proven.holds(keys, now)?;
        Ok(proven)
    }

    /// As [`Credential::prove`], with the root key of one token as other software stores it.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`].
    pub fn prove_with(&self, root_key: &RootKey) -> Result<Proven, VerifyError> {
        Proven::new(&self.macaroon, &self.preimage, |_| Some(root_key.clone()))
    }
}

/// Splits off the name of the scheme, where it is one of ours.
fn split_scheme(value: &[u8]) -> Option<(Scheme, &[u8])> {
    let end = value
        .iter()
        .position(|byte| !is_tchar(*byte))
        .unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    Some((Scheme::named(name)?, rest))
}

/// The preimage of the one caveat `preimage=`. Exactly one: with two, two programs could each
/// believe another one (ATTACKS T-20).
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

/// A value within the size limit, of visible ASCII, that is no list.
fn visible(value: &[u8]) -> Result<&str, CredentialError> {
    if value.len() > Credential::MAX_LEN {
        return Err(CredentialError::TooLarge);
    }
    if value.contains(&b',') {
        return Err(CredentialError::Several);
    }
    let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    core::str::from_utf8(value)
        .ok()
        .filter(|_| visible)
        .ok_or(CredentialError::Syntax)
}

/// White space around a field value is no part of it (RFC 9110 section 5.5).
fn trim(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last.saturating_add(1));
    value.get(start..end).unwrap_or_default()
}

/// [`Credential::prove`], then [`Proven::authorize`].
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
