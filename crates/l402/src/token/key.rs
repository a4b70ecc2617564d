//! Keys: one master key, and a root key derived from it for each token.
//!
//! Nothing is stored for a token. Its root key is derived from the master key, the name of the
//! deployment and the identifier of the token, so the holder of the master key can derive it again.
//!
//! ```text
//! master key ─┐
//! deployment ─┼─ HMAC ─▶ root key ─ HMAC("macaroons-key-generator") ─▶ key of the first signature
//! identifier ─┘
//! ```

use core::fmt;

use std::sync::LazyLock;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::hmac::HmacKey;
use super::{Identifier, KeyNumber};
use crate::time::UnixTime;

/// The key of the HMAC that turns a root key of any length into 32 bytes (libmacaroons).
static GENERATOR: LazyLock<HmacKey> = LazyLock::new(|| HmacKey::new(b"macaroons-key-generator"));

/// The label that separates this derivation from any other use of the master key.
const ROOT_KEY_LABEL: &[u8] = b"l402 root key v1";

/// The message of the HMAC that identifies a master key.
const FINGERPRINT_LABEL: &[u8] = b"l402 master key fingerprint v1";

/// The reason why bytes are refused as a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is not exactly 32 bytes, or not 64 hexadecimal digits.
    Length,
    /// The bytes are not random: all alike, counting, repeating, text, or a key printed in
    /// documentation (ATTACKS T-25).
    Weak,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the master key is not 32 bytes (64 hexadecimal digits) long",
            Self::Weak => "the master key can be guessed; write 32 random bytes",
        })
    }
}

impl std::error::Error for KeyError {}

/// The secret from which the root keys of all tokens of a seller are derived: 32 random bytes.
///
/// A secret: `Debug` shows nothing of it, and memory is wiped on drop.
///
/// ```
/// use l402::{KeyError, MasterKey};
///
/// let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// let key = MasterKey::from_hex(key)?;
/// assert_eq!(format!("{key:?}"), "MasterKey(secret)");
///
/// // A key that can be guessed is refused.
/// assert_eq!(MasterKey::from_bytes(&[7; 32]).err(), Some(KeyError::Weak));
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    bytes: [u8; 32],
    /// The same key, ready for an HMAC: one is made for every token that is minted or verified.
    hmac: HmacKey,
}

impl MasterKey {
    /// Makes a key from 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`] unless there are 32 bytes, [`KeyError::Weak`] if they are recognisably
    /// not random.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Length)?;
        if is_weak(bytes) {
            Err(KeyError::Weak)
        } else {
            Ok(Self {
                bytes: *bytes,
                hmac: HmacKey::new(bytes),
            })
        }
    }

    /// Reads 64 hexadecimal digits, the content of a key file. Ignores white space around them.
    ///
    /// # Errors
    /// As [`MasterKey::from_bytes`]; text that is not hexadecimal is a [`KeyError::Length`].
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        // Wiped on drop, even if decoding fails halfway.
        let mut bytes = Zeroizing::new([0; 32]);
        let text = text.trim_ascii();
        hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| KeyError::Length)?;
        Self::from_bytes(bytes.as_slice())
    }

    /// Returns 16 bytes that identify the key and say nothing about it, to find out later if a file
    /// still holds the same key.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        // The message of a root key begins with a length of eight bytes, so it is never this one.
        let hash = self.hmac.mac(&[FINGERPRINT_LABEL]);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(hash.split_at(16).0);
        fingerprint
    }

    /// Returns 64 lower-case hexadecimal digits, for writing a key file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// Returns true if the bytes follow a pattern that random bytes do not.
fn is_weak(bytes: &[u8; 32]) -> bool {
    counts(bytes) || repeats(bytes) || is_text(bytes) || is_documented(bytes)
}

/// Returns true if each byte is the one before it plus the same step. Step 0 finds equal bytes.
fn counts(bytes: &[u8; 32]) -> bool {
    let (from, to) = (bytes.iter(), bytes.iter().skip(1));
    let mut steps = from.zip(to).map(|(a, b)| b.wrapping_sub(*a));
    steps
        .next()
        .is_some_and(|first| steps.all(|step| step == first))
}

/// Returns true if a pattern of 2, 4, 8 or 16 bytes fills the key.
fn repeats(bytes: &[u8; 32]) -> bool {
    [2, 4, 8, 16].iter().any(|period| {
        let mut chunks = bytes.chunks_exact(*period);
        chunks
            .next()
            .is_some_and(|first| chunks.all(|chunk| chunk == first))
    })
}

/// Returns true for text padded with zeros at either end, such as a password or half a key file.
fn is_text(bytes: &[u8; 32]) -> bool {
    let used = |byte: &u8| *byte != 0;
    let start = bytes.iter().position(used).unwrap_or_default();
    let end = bytes
        .iter()
        .rposition(used)
        .map_or(0, |last| last.saturating_add(1));
    let text = bytes.get(start..end).unwrap_or_default();
    text.iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// Returns true for a root key that is printed in `spec/vectors/`.
fn is_documented(bytes: &[u8; 32]) -> bool {
    let [a, b, c, d, ..] = *bytes;
    DOCUMENTED.contains(&u32::from_be_bytes([a, b, c, d]))
}

/// The first four bytes of each documented key. Four bytes suffice: one random key in two hundred
/// million is refused by mistake, and its owner makes another.
const DOCUMENTED: [u32; 22] = [
    0x0177_eac9,
    0x0c7b_7dbc,
    0x1846_8ea6,
    0x2212_38fa,
    0x24ef_809c,
    0x6f6b_3267,
    0x7365_7373,
    0x74ac_7867,
    0x79ff_31ea,
    0x84c9_65d5,
    0x918b_d94f,
    0x91d1_2161,
    0x95fa_e2c4,
    0xa2e5_96e8,
    0xa6bd_e7b6,
    0xa961_7339,
    0xad9f_a5ae,
    0xb402_0fbb,
    0xb6c4_6393,
    0xc18b_2b31,
    0xc6a7_5bea,
    0xe465_86a0,
];

/// The key of the first signature in one macaroon, derived with `macaroons-key-generator`.
///
/// A secret: `Debug` shows nothing of it, and memory is wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// Makes the key from a root key of any length, as other software stores it.
    ///
    /// Every macaroon library first puts the root key through an HMAC under a fixed key
    /// (`macaroons-key-generator` of libmacaroons), and so does this function.
    ///
    /// DIFFERENCE: the L402 macaroon specification omits that step. No known software verifies
    /// tokens made without it (`spec/DECISIONS.md`, "Key derivation").
    #[must_use]
    pub fn from_root(root: &[u8]) -> Self {
        Self(GENERATOR.mac(&[root]))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(secret)")
    }
}

/// The master keys of a seller by number, and the name of the deployment that uses them.
///
/// One number mints. Keys that minted before it verify until their end, so that a change of the key
/// takes nothing from clients that have paid. A number without a key of its own has the key of the
/// nearest lower number that has one, so a new number needs no new key.
///
/// ```
/// use l402::{KeyNumber, KeyRing, MasterKey, UnixTime};
///
/// # let old = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// # let new = "8c14e09b6f52d37a1b90c6ef3d4870a2b95d617ce2f30844d9ab1c5e7f026d93";
/// # let (old, new) = (MasterKey::from_hex(old)?, MasterKey::from_hex(new)?);
/// let end = UnixTime::from_secs(1_790_086_400);
/// let keys = KeyRing::new("my-api", KeyNumber(2), new).with_old(KeyNumber(1), old, end);
/// assert_eq!(keys.current(), KeyNumber(2));
/// # Ok::<(), l402::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    deployment: Box<str>,
    number: KeyNumber,
    key: MasterKey,
    old: Vec<OldKey>,
    uses_from: KeyNumber,
    uses_to: KeyNumber,
    /// `None` if the key that mints has no end.
    ends: Option<UnixTime>,
}

/// A number that does not mint and verifies until `ends`.
#[derive(Clone, Debug)]
struct OldKey {
    number: KeyNumber,
    /// `None` if the key exists and is not here.
    key: Option<MasterKey>,
    ends: UnixTime,
}

impl KeyRing {
    /// Makes a ring with one key, which mints. The name of the deployment is part of every
    /// derivation, so that a token of one deployment is invalid at another.
    #[must_use]
    pub fn new(deployment: &str, number: KeyNumber, key: MasterKey) -> Self {
        Self {
            deployment: deployment.into(),
            number,
            key,
            old: Vec::new(),
            uses_from: KeyNumber(0),
            uses_to: number,
            ends: None,
        }
    }

    /// Ends the key that mints: from `ends` on it mints nothing, and its tokens have expired. For a seller
    /// who has no other key. By default it has no end.
    #[must_use]
    pub fn with_end(mut self, ends: UnixTime) -> Self {
        self.ends = Some(ends);
        self
    }

    /// Adds a key that no longer mints and verifies until `ends`. If a number is given twice, the
    /// first key keeps it.
    #[must_use]
    pub fn with_old(mut self, number: KeyNumber, key: MasterKey, ends: UnixTime) -> Self {
        self.old.push(OldKey {
            number,
            key: Some(key),
            ends,
        });
        self
    }

    /// Adds a key that is about to mint. Its tokens are good at once, since another process may mint
    /// with it before this one does.
    #[must_use]
    pub fn with_next(mut self, number: KeyNumber, key: MasterKey) -> Self {
        self.uses_to = self.uses_to.max(number);
        self.with_old(number, key, UnixTime::from_secs(u64::MAX))
    }

    /// Adds a number whose key exists and is not here. Until `ends` its tokens can be neither proved
    /// nor refused: they are [`KeyMissing`](crate::VerifyError::KeyMissing).
    #[must_use]
    pub fn with_missing(mut self, number: KeyNumber, ends: UnixTime) -> Self {
        self.old.push(OldKey {
            number,
            key: None,
            ends,
        });
        self
    }

    /// Refuses counted tokens (`request`, `uses`) of numbers below this one, whose ledger is lost.
    /// By default none is refused.
    #[must_use]
    pub fn with_uses_from(mut self, number: KeyNumber) -> Self {
        self.uses_from = number;
        self
    }

    /// Returns the number of the key that mints.
    #[must_use]
    pub fn current(&self) -> KeyNumber {
        self.number
    }

    /// Returns true if the ledger of this seller has counted the uses of a token from its beginning.
    /// If not, nobody knows if a counted token is spent, and it must be refused: its number is of a
    /// ledger that is lost, or above all of this ring's and so of another gateway's ledger.
    #[must_use]
    pub fn counts_uses(&self, identifier: &Identifier) -> bool {
        let number = identifier.token_id.key_number();
        self.uses_from <= number && number <= self.uses_to
    }

    /// Returns the root key of a token, or `None` if its key is unknown or has ended (`now >=
    /// ends`).
    #[must_use]
    pub fn root_key(&self, identifier: &Identifier, now: UnixTime) -> Option<RootKey> {
        if self.has_ended(identifier, now) {
            return None;
        }
        self.kept_root_key(identifier)
    }

    /// Returns the root key of a token even if its key has ended, to tell a genuine token of an
    /// ended key from a forged one.
    pub(crate) fn kept_root_key(&self, identifier: &Identifier) -> Option<RootKey> {
        let key = self.key_of(identifier.token_id.key_number())?;
        Some(self.derive(key, identifier))
    }

    /// Returns the key of a number: its own, or that of the nearest lower number that has one.
    pub(super) fn key_of(&self, number: KeyNumber) -> Option<&MasterKey> {
        match self.old_key_of(number) {
            None if self.number <= number => Some(&self.key),
            old => old.and_then(|old| old.key.as_ref()),
        }
    }

    /// Returns the old key whose number is this one or the nearest lower one, unless the key that
    /// mints is as near.
    fn old_key_of(&self, number: KeyNumber) -> Option<&OldKey> {
        let is_nearer = |old: &&OldKey| self.number > number || old.number > self.number;
        let near = self.old.iter().filter(|old| old.number <= number);
        // The first of two entries with one number keeps it.
        near.filter(is_nearer).rev().max_by_key(|old| old.number)
    }

    /// Returns true if the key that minted the token is in this ring, ended or not.
    pub(crate) fn keeps(&self, identifier: &Identifier) -> bool {
        self.key_of(identifier.token_id.key_number()).is_some()
    }

    /// Returns true if the key that minted the token exists, is not here, and has not ended.
    pub(crate) fn lacks(&self, identifier: &Identifier, now: UnixTime) -> bool {
        self.lacks_key_of(identifier.token_id.key_number(), now)
    }

    /// Returns true if the key of a number exists, is not here, and has not ended.
    pub(super) fn lacks_key_of(&self, number: KeyNumber, now: UnixTime) -> bool {
        let old = self.old_key_of(number);
        old.is_some_and(|old| old.key.is_none() && now < old.ends)
    }

    /// Returns true if the key that minted the token is in this ring and has ended. An end holds for
    /// every number that has the key: a thief of it could write any of them into a token.
    pub(crate) fn has_ended(&self, identifier: &Identifier, now: UnixTime) -> bool {
        self.key_has_ended(identifier.token_id.key_number(), now)
    }

    /// Returns true if the key of a number has ended.
    pub(super) fn key_has_ended(&self, number: KeyNumber, now: UnixTime) -> bool {
        let old = self.old_key_of(number);
        let ends = old.map_or(self.ends, |old| Some(old.ends));
        ends.is_some_and(|ends| now >= ends)
    }

    /// Returns the root key of a token that is about to be minted.
    pub(crate) fn minting_key(&self, identifier: &Identifier) -> RootKey {
        self.derive(&self.key, identifier)
    }

    /// Derives a root key: HMAC under the master key over label, deployment and identifier, each
    /// preceded by its length.
    fn derive(&self, key: &MasterKey, identifier: &Identifier) -> RootKey {
        // This HMAC is the root key itself, so it is wiped like the key derived from it.
        let root = self.hmac(key, ROOT_KEY_LABEL, &identifier.to_bytes());
        RootKey::from_root(root.as_slice())
    }

    /// Returns the HMAC under a master key over label, deployment and a third field, each preceded by its
    /// length.
    pub(super) fn hmac(&self, key: &MasterKey, label: &[u8], of: &[u8]) -> Zeroizing<[u8; 32]> {
        let fields: [&[u8]; 3] = [label, self.deployment.as_bytes(), of];
        let [label, deployment, of] = fields;
        // The lengths make the message unambiguous: no two triples of fields give the same one
        // (ATTACKS T-31).
        let [l, d, o] = fields.map(|field| (field.len() as u64).to_be_bytes());
        let parts: [&[u8]; 6] = [&l, label, &d, deployment, &o, of];
        Zeroizing::new(key.hmac.mac(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preimage::PaymentHash;
    use crate::token::TokenId;
    use crate::token::hmac_sha256;

    /// Bytes without a pattern, different for each seed.
    fn bytes(seed: u8) -> [u8; 32] {
        hmac_sha256(b"key tests", &[&[seed]])
    }

    fn master(seed: u8) -> MasterKey {
        MasterKey::from_bytes(&bytes(seed)).unwrap()
    }

    fn identifier(number: u16) -> Identifier {
        Identifier {
            payment_hash: PaymentHash::from_bytes(bytes(100)),
            token_id: TokenId::new(KeyNumber(number), [3; 30]),
        }
    }

    fn raw(key: &RootKey) -> [u8; 32] {
        *key.as_bytes()
    }

    /// ATTACKS T-25.
    #[test]
    fn refuses_keys_that_anybody_would_guess() {
        let counting: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let down = counting.map(|byte| 255 - byte);
        let mut text = [0; 32];
        text[..8].copy_from_slice(b"root_key");
        let mut padded = [0; 32];
        padded[24..].copy_from_slice(b"root_key");
        let sentence = *b"this is our super secret key; on";
        let pattern: [u8; 32] = core::array::from_fn(|i| [0xde, 0xad, 0xbe, 0xef][i % 4]);
        for weak in [
            [0; 32], [255; 32], counting, down, text, padded, sentence, pattern,
        ] {
            assert_eq!(
                MasterKey::from_bytes(&weak).err(),
                Some(KeyError::Weak),
                "{weak:?}"
            );
        }
        for length in [0, 31, 33, 64] {
            let key = vec![0xa7; length];
            assert_eq!(
                MasterKey::from_bytes(&key).err(),
                Some(KeyError::Length),
                "{length}"
            );
        }
    }

    #[test]
    fn a_key_file_goes_both_ways() {
        let text = master(1).to_hex();
        assert_eq!(
            *MasterKey::from_hex(&format!(" {}\n", *text))
                .unwrap()
                .to_hex(),
            *text
        );
        assert_eq!(
            *MasterKey::from_hex(&text.to_uppercase()).unwrap().to_hex(),
            *text
        );
        for bad in ["", "zz", &text[2..], &format!("0x{}", &text[2..])] {
            assert_eq!(MasterKey::from_hex(bad).err(), Some(KeyError::Length));
        }
    }

    /// ATTACKS T-23.
    #[test]
    fn an_old_key_verifies_until_its_end() {
        let now = UnixTime::from_secs(1000);
        let before = KeyRing::new("shop", KeyNumber(1), master(1));
        let key = raw(&before.root_key(&identifier(1), now).unwrap());
        let after = KeyRing::new("shop", KeyNumber(2), master(2)).with_old(
            KeyNumber(1),
            master(1),
            UnixTime::from_secs(1001),
        );
        assert_eq!(after.current(), KeyNumber(2));
        assert_eq!(raw(&after.root_key(&identifier(1), now).unwrap()), key);
        assert!(
            after
                .root_key(&identifier(1), UnixTime::from_secs(1001))
                .is_none()
        );
        assert!(after.root_key(&identifier(0), now).is_none());
        assert!(
            after
                .root_key(&identifier(2), UnixTime::from_secs(u64::MAX))
                .is_some()
        );
    }

    /// ATTACKS T-31.
    #[test]
    fn deployment_key_and_identifier_each_change_the_root_key() {
        let now = UnixTime::from_secs(0);
        let ring = |deployment, seed| KeyRing::new(deployment, KeyNumber(1), master(seed));
        let key = raw(&ring("shop", 1).root_key(&identifier(1), now).unwrap());
        for other in [ring("shop2", 1), ring("", 1), ring("shop", 2)] {
            assert_ne!(raw(&other.root_key(&identifier(1), now).unwrap()), key);
        }
        let other = Identifier {
            payment_hash: PaymentHash::from_bytes([1; 32]),
            ..identifier(1)
        };
        assert_ne!(raw(&ring("shop", 1).root_key(&other, now).unwrap()), key);
        assert_eq!(raw(&ring("shop", 1).minting_key(&identifier(1))), key);
    }

    /// FAULTS S9: several keys, each with numbers of its own.
    #[test]
    fn a_number_without_a_key_has_the_key_of_the_nearest_lower_one() {
        let (now, never) = (UnixTime::from_secs(7), UnixTime::from_secs(u64::MAX));
        let ring = KeyRing::new("shop", KeyNumber(9), master(3))
            .with_old(KeyNumber(5), master(2), never)
            .with_old(KeyNumber(2), master(1), UnixTime::from_secs(8));
        let alone = |number: u16, seed| {
            let ring = KeyRing::new("shop", KeyNumber(number), master(seed));
            raw(&ring.minting_key(&identifier(number)))
        };
        let key = |number| ring.root_key(&identifier(number), now).map(|key| raw(&key));
        for (number, seed) in [(2, 1), (3, 1), (4, 1), (5, 2), (8, 2), (9, 3), (10, 3)] {
            assert_eq!(key(number), Some(alone(number, seed)), "{number}");
        }
        assert_eq!(key(1), None, "below the lowest number");
        // A thief of a key that has ended may write any number into a token.
        let ended = |number| ring.has_ended(&identifier(number), UnixTime::from_secs(8));
        let all = [1, 2, 3, 4, 5, 8, 9, 10].map(ended);
        assert_eq!(all, [false, true, true, true, false, false, false, false]);
    }

    /// FAULTS S7: a lost ledger ends the counted tokens of its numbers.
    #[test]
    fn uses_are_counted_from_one_number_to_the_one_that_sells() {
        let ring = KeyRing::new("shop", KeyNumber(4), master(1));
        let counted = |ring: &KeyRing| [0, 2, 3, 4, 5].map(|n| ring.counts_uses(&identifier(n)));
        assert_eq!(counted(&ring), [true, true, true, true, false]);
        let after = ring.with_uses_from(KeyNumber(3));
        assert_eq!(counted(&after), [false, false, true, true, false]);
    }

    #[test]
    fn a_number_that_is_about_to_mint_is_good_already() {
        let now = UnixTime::from_secs(7);
        let before = KeyRing::new("shop", KeyNumber(1), master(1));
        let ring = before.with_next(KeyNumber(2), master(2));
        assert_eq!(ring.current(), KeyNumber(1));
        assert!(ring.counts_uses(&identifier(2)) && !ring.counts_uses(&identifier(3)));
        let after = KeyRing::new("shop", KeyNumber(2), master(2));
        let key = |ring: &KeyRing| raw(&ring.root_key(&identifier(2), now).unwrap());
        assert_eq!(key(&ring), raw(&after.minting_key(&identifier(2))));
    }

    #[test]
    fn a_key_that_is_not_here_is_missing_until_its_end() {
        let ring = KeyRing::new("shop", KeyNumber(3), master(1))
            .with_old(KeyNumber(1), master(1), UnixTime::from_secs(u64::MAX))
            .with_missing(KeyNumber(2), UnixTime::from_secs(9));
        let lacks = |secs| {
            [1, 2, 3, 4].map(|number| ring.lacks(&identifier(number), UnixTime::from_secs(secs)))
        };
        assert_eq!(lacks(8), [false, true, false, false]);
        assert_eq!(lacks(9), [false; 4]);
        assert!(ring.kept_root_key(&identifier(2)).is_none());
    }

    #[test]
    fn a_fingerprint_tells_keys_apart_and_is_no_key() {
        let print = master(1).fingerprint();
        assert_eq!(print, master(1).fingerprint());
        assert_ne!(print, master(2).fingerprint());
        assert!(
            !bytes(1)
                .windows(4)
                .any(|part| print.windows(4).any(|p| p == part))
        );
    }

    #[test]
    fn debug_keeps_the_secret() {
        let ring = KeyRing::new("shop", KeyNumber(1), master(1));
        let root = ring.minting_key(&identifier(1));
        let shown = format!("{ring:?} {root:?}");
        assert!(!shown.contains(&**master(1).to_hex()) && shown.contains("secret"));
    }
}
