//! HMAC-SHA256 (RFC 2104) over whole messages, with the states of a fixed key kept.
//!
//! A key costs two blocks of SHA-256 before the first byte of a message. [`HmacKey`] hashes them once,
//! which halves the cost of a short message under a key that is used again.
//!
//! ```text
//!   key ⊕ 0x36.. ─▶ inner state ─ message ─▶ 32 bytes ─┐
//!   key ⊕ 0x5c.. ─▶ outer state ───────────────────────┴─▶ MAC
//! ```

use sha2::digest::core_api::Block;
use sha2::{Digest, Sha256, compress256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The size of a block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The length of a message stands in the last eight bytes of the last block (FIPS 180-4, section 5.1.1).
const LENGTH: usize = 8;

/// The state of SHA-256 before the first block (FIPS 180-4, section 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key of HMAC-SHA256, as the two states that it leads to. As secret as the key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct HmacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl HmacKey {
    /// Takes a key of any length.
    pub(crate) fn new(key: &[u8]) -> Self {
        if key.len() > BLOCK {
            let digest: [u8; 32] = Sha256::digest(key).into();
            return Self::new(&digest);
        }
        let state = |pad: u8| {
            let mut block = Block::<Sha256>::default();
            block.fill(pad);
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = START;
            compress256(&mut state, core::slice::from_ref(&block));
            block.zeroize();
            state
        };
        Self {
            inner: state(0x36),
            outer: state(0x5c),
        }
    }

    /// Returns the MAC of the parts, one after the other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        finish(self.outer, &[&finish(self.inner, parts)])
    }
}

/// Returns the HMAC-SHA256 of the parts, one after the other, under a key that is used once.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    HmacKey::new(key).mac(parts)
}

/// Hashes a message behind the one block that `state` has seen, and returns the digest.
fn finish(mut state: [u32; 8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = Block::<Sha256>::default();
    let (mut filled, mut length) = (0_usize, BLOCK);
    for part in parts {
        let mut rest = *part;
        length = length.saturating_add(rest.len());
        while !rest.is_empty() {
            let (_, space) = block.split_at_mut(filled);
            let (now, later) = rest.split_at(space.len().min(rest.len()));
            space.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            filled = filled.saturating_add(now.len());
            rest = later;
            if filled == BLOCK {
                compress256(&mut state, core::slice::from_ref(&block));
                filled = 0;
            }
        }
    }
    // The padding: one bit, zeros, and the length of everything in bits.
    let (_, space) = block.split_at_mut(filled);
    space.fill(0);
    space.iter_mut().take(1).for_each(|byte| *byte = 0x80);
    if space.len() <= LENGTH {
        compress256(&mut state, core::slice::from_ref(&block));
        block.fill(0);
    }
    let bits = (length as u64).saturating_mul(8).to_be_bytes();
    let (_, tail) = block.split_at_mut(BLOCK.saturating_sub(LENGTH));
    tail.copy_from_slice(&bits);
    compress256(&mut state, core::slice::from_ref(&block));
    let mut digest = [0; 32];
    for (to, word) in digest.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, Mac};
    use proptest::prelude::*;

    use super::*;

    fn reference(key: &[u8], message: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// RFC 4231, cases 1, 2, 6 and 7: short keys, and keys longer than a block.
    #[test]
    fn gives_the_values_of_the_rfc() {
        for (key, message, mac) in [
            (
                vec![0x0b; 20],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than \
                  block-size data. The key needs to be hashed before being used by the HMAC \
                  algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            assert_eq!(hex::encode(hmac_sha256(&key, &[message])), mac);
        }
    }

    /// Every length up to four blocks, so that each end of a block is met, cut at every place.
    #[test]
    fn agrees_with_the_library_at_every_length() {
        let message: Vec<u8> = (0..=255).collect();
        let key = HmacKey::new(b"a key");
        for length in 0..message.len() {
            let message = &message[..length];
            let expected = reference(b"a key", message);
            for cut in 0..=length {
                let (first, second) = message.split_at(cut);
                assert_eq!(key.mac(&[first, second]), expected, "{length}, {cut}");
            }
        }
        for length in 0..200 {
            let key = vec![0x5a; length];
            assert_eq!(
                hmac_sha256(&key, &[b"m"]),
                reference(&key, b"m"),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_library(
            key in proptest::collection::vec(any::<u8>(), 0..200),
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5),
        ) {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(hmac_sha256(&key, &slices), reference(&key, &parts.concat()));
        }
    }
}
