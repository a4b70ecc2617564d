//! The key of an owner, which the registry shows once and forgets.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The length of a key: 32 random bytes, in hex.
const KEY_LEN: usize = 64;

/// A new key. `Debug` does not show it.
pub(crate) struct OwnerKey(String);

impl OwnerKey {
    /// Draws a key from the system's random source.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY_LEN / 2];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// Returns the hash, which is all that is kept.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// Returns the key itself, to be shown to its owner once.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnerKey(…)")
    }
}

/// Returns the SHA-256 of a key's 64 hex digits, in hex, as `printf %s KEY | sha256sum` makes it. `None`
/// if the text is no key.
pub(crate) fn key_hash(key: &str) -> Option<String> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_key = key.len() == KEY_LEN && key.bytes().all(is_digit);
    is_key.then(|| hex::encode(Sha256::digest(key)))
}

/// Returns true if the key has this hash. Takes the same time for every wrong key.
pub(crate) fn is_hash_of(hash: &str, key: &str) -> bool {
    key_hash(key).is_some_and(|made| made.as_bytes().ct_eq(hash.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        let key = OwnerKey::random().unwrap();
        assert_eq!(format!("{key:?}"), "OwnerKey(…)");
        let hash = key.hash();
        let key = key.into_text();
        assert!(is_hash_of(&hash, &key));
        let other = OwnerKey::random().unwrap().into_text();
        for wrong in [
            "",
            &other,
            &key[1..],
            &key.to_uppercase(),
            &hash,
            &format!("{key} "),
        ] {
            assert!(!is_hash_of(&hash, wrong), "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_the_one_of_sha256sum() {
        let hash = key_hash(&"0".repeat(64)).unwrap();
        assert_eq!(
            hash,
            "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55"
        );
    }
}
