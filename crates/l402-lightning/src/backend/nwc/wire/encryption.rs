//! The two encryptions of NIP-47, and the choice between them.

use nostr::nips::{nip04, nip44};
use nostr::{Keys, PublicKey};

use super::event::EventError;

/// The encryption of what an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encryption {
    /// NIP-44, version 2: encrypted and authenticated.
    Nip44,
    /// NIP-04, for wallets that know nothing better.
    Nip04,
}

impl Encryption {
    /// Returns the name in the tag `encryption`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nip44 => "nip44_v2",
            Self::Nip04 => "nip04",
        }
    }

    /// Reads a name in the tag `encryption`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Nip44, Self::Nip04]
            .into_iter()
            .find(|encryption| encryption.name() == name)
    }

    /// Encrypts `text` from the owner of `keys` to `peer`.
    pub(crate) fn encrypt(
        self,
        keys: &Keys,
        peer: &PublicKey,
        text: &str,
    ) -> Result<String, EventError> {
        let secret = keys.secret_key();
        let content = match self {
            Self::Nip44 => nip44::encrypt(secret, peer, text, nip44::Version::V2).ok(),
            Self::Nip04 => nip04::encrypt(secret, peer, text).ok(),
        };
        content.ok_or(EventError::Encryption)
    }

    /// Decrypts what `peer` has written to the owner of `keys`.
    pub(crate) fn decrypt(
        self,
        keys: &Keys,
        peer: &PublicKey,
        content: &str,
    ) -> Result<String, EventError> {
        let secret = keys.secret_key();
        let text = match self {
            Self::Nip44 => nip44::decrypt(secret, peer, content).ok(),
            Self::Nip04 => nip04::decrypt(secret, peer, content).ok(),
        };
        text.ok_or(EventError::Encryption)
    }
}
