//! Messages that nodes sign, in the form that lnd, Core Lightning and LDK have in common.

use bitcoin::hashes::{Hash, sha256d};
use bitcoin::secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use bitcoin::secp256k1::{Message, Secp256k1};

use crate::zbase32;

/// The words before every message, so that no signature of one is a signature of anything else.
const PREFIX: &[u8] = b"Lightning Signed Message:";

/// The first byte of a signature of a compressed key, before its recovery id is added.
const HEADER: u8 = 31;

/// Returns the public key, 33 bytes compressed, of the node that signed a message with its
/// `signmessage`. `None` if the text is no such signature.
///
/// Every well-formed signature leads to *some* key: compare the result with the key that is expected.
///
/// ```
/// let signature = "d9tibmnic9t5y41hg7hkakdcra94akas9ku3rmmj4ag9mritc8ok4p5qzefs78c9pqfhpuftqqzhyd\
///                  bdwfg7u6w6wdxcqpqn4sj4e73e";
/// let key = l402_lightning::recover_signer(b"test message", signature);
/// assert!(key.is_some());
/// assert_ne!(l402_lightning::recover_signer(b"another message", signature), key);
/// ```
#[must_use]
pub fn recover_signer(message: &[u8], signature: &str) -> Option<[u8; 33]> {
    let bytes: [u8; 65] = zbase32::decode(signature)?;
    let (header, compact) = bytes.split_first()?;
    let id = header.checked_sub(HEADER)?;
    let id = RecoveryId::from_i32(i32::from(id)).ok()?;
    let signature = RecoverableSignature::from_compact(compact, id).ok()?;
    let context = Secp256k1::verification_only();
    let key = context.recover_ecdsa(&digest(message), &signature).ok()?;
    Some(key.serialize())
}

/// Signs a message as a node does.
#[cfg(any(feature = "ldk", feature = "sandbox"))]
pub(crate) fn sign(message: &[u8], secret: &bitcoin::secp256k1::SecretKey) -> String {
    let context = Secp256k1::signing_only();
    let signature = context.sign_ecdsa_recoverable(&digest(message), secret);
    let (id, compact) = signature.serialize_compact();
    let id = u8::try_from(id.to_i32()).unwrap_or_default();
    let header = [HEADER.saturating_add(id)];
    zbase32::encode(&[&header[..], &compact].concat())
}

fn digest(message: &[u8]) -> Message {
    let digest = sha256d::Hash::hash(&[PREFIX, message].concat());
    Message::from_digest(digest.to_byte_array())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::secp256k1::{PublicKey, SecretKey};

    /// Signed by lnd and by LDK, two of them by nodes of other people; Core Lightning's tests have
    /// the first two as well.
    const SIGNED: [(&str, &str, &str); 3] = [
        (
            "is this compatible?",
            "rbgfioj114mh48d8egqx8o9qxqw4fmhe8jbeeabdioxnjk8z3t1ma1hu1fiswpakgucwwzwo6ofycffbsqusqdim\
             ugbh41n1g698hr9t",
            "02b80cabdf82638aac86948e4c06e82064f547768dcef977677b9ea931ea75bab5",
        ),
        (
            "hi",
            "rnrphcjswusbacjnmmmrynh9pqip7sy5cx695h6mfu64iac6qmcmsd8xnsyczwmpqp9shqkth3h4jmkgyqu5z47j\
             fn1q7gpxtaqpx4xg",
            "02de60d194e1ca5947b59fe8e2efd6aadeabfb67f2e89e13ae1a799c1e08e4a43b",
        ),
        (
            "test message",
            "d9tibmnic9t5y41hg7hkakdcra94akas9ku3rmmj4ag9mritc8ok4p5qzefs78c9pqfhpuftqqzhydbdwfg7u6w6\
             wdxcqpqn4sj4e73e",
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
    ];

    #[test]
    fn signatures_of_other_programs_lead_to_their_nodes() {
        for (message, signature, node) in SIGNED {
            let found = recover_signer(message.as_bytes(), signature);
            assert_eq!(found.map(hex::encode).as_deref(), Some(node), "{message}");
        }
    }

    #[test]
    fn a_signature_made_by_secp256k1_leads_to_its_key() {
        let context = Secp256k1::new();
        for byte in 1..=40 {
            let secret = SecretKey::from_slice(&[byte; 32]).unwrap();
            let public = PublicKey::from_secret_key(&context, &secret).serialize();
            let signature = context.sign_ecdsa_recoverable(&digest(&[byte]), &secret);
            let (id, compact) = signature.serialize_compact();
            let header = 31 + u8::try_from(id.to_i32()).unwrap();
            let text = zbase32::encode(&[&[header][..], &compact].concat());
            assert_eq!(recover_signer(&[byte], &text), Some(public));
            assert_ne!(recover_signer(b"other", &text), Some(public));
        }
    }

    #[cfg(feature = "sandbox")]
    #[test]
    fn the_sandbox_signs_as_other_programs_do() {
        let one = SecretKey::from_slice(&bitcoin::secp256k1::constants::ONE).unwrap();
        let (message, signature, _) = SIGNED[2];
        assert_eq!(sign(message.as_bytes(), &one), signature);
    }

    #[test]
    fn what_is_no_signature_leads_to_nobody() {
        let (message, good, node) = SIGNED[2];
        let other_header = zbase32::encode(&[30; 65]);
        let zeros = zbase32::encode(&[31; 1].iter().chain(&[0; 64]).copied().collect::<Vec<_>>());
        let large = zbase32::encode(&[&[34][..], &[0xff; 64]].concat());
        for bad in [
            "",
            "d9t",
            &good[1..],
            &other_header,
            &zeros,
            &large,
            &good.to_uppercase(),
        ] {
            assert_eq!(recover_signer(message.as_bytes(), bad), None, "{bad}");
        }
        // Any character that is changed leads away from the node.
        for at in 0..good.len() {
            let other = if &good[at..=at] == "y" { "b" } else { "y" };
            let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
            let found = recover_signer(message.as_bytes(), &changed);
            assert_ne!(found.map(hex::encode).as_deref(), Some(node), "{at}");
        }
    }
}
