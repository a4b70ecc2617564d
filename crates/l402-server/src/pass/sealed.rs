//! The sealed form of a pass.
//!
//! ```text
//!   base64url( version │ key number │ nonce │ sealed )
//!                1 byte       2         24
//!   sealed: payment hash │ end │ 0, or 1 and the digest of path and query │ token
//!                32         8    1            32
//! ```
//!
//! XChaCha20-Poly1305, under the key of passes of that key number. Version and key number are authenticated.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use l402::{
    GenuineToken, KeyNumber, KeyRing, Macaroon, PassKey, PaymentHash, Proven, SettledPayment,
    UnixTime, VerifyError,
};
use sha2::{Digest as _, Sha256};

use crate::request::CanonicalRequest;

const VERSION: u8 = 1;

/// The bytes of a nonce, all of them random.
const NONCE: usize = 24;

/// The bytes before the nonce.
const HEAD: usize = 3;

/// The longest value of a cookie that every browser keeps with name and attributes.
const LONGEST: usize = 3800;

/// The text that separates this use of the key from any other.
const LABEL: &[u8] = b"l402 pass cookie";

/// The digest of the path and query that a pass is good for.
pub(crate) type Place = [u8; 32];

/// Returns the digest of a request's path and query.
pub(crate) fn digest(request: &CanonicalRequest) -> Place {
    Sha256::digest(request.path_and_query()).into()
}

/// The contents of a pass. Made for a payment that has settled, and for no other.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) proven: Proven,
    /// The moment from which the pass is good for nothing.
    pub(crate) end: UnixTime,
    /// `None` if the pass is good for all of the service.
    pub(crate) place: Option<Place>,
}

impl Contents {
    /// Seals a pass. `None` if it would be longer than a cookie can be, or if there is no randomness or key.
    pub(crate) fn close(&self, keys: &KeyRing, now: UnixTime) -> Option<String> {
        let identifier = self.proven.identifier();
        let number = identifier.token_id.key_number();
        let key = keys.pass_key(number, now).ok()?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let mut plain = identifier.payment_hash.as_bytes().to_vec();
        plain.extend(self.end.secs().to_be_bytes());
        plain.push(self.place.is_some().into());
        plain.extend(self.place.iter().flatten());
        plain.extend(self.proven.token().macaroon().to_bytes());
        let head = head(number);
        let payload = Payload {
            msg: &plain,
            aad: &[LABEL, &head].concat(),
        };
        let sealed = cipher(&key)
            .encrypt(XNonce::from_slice(&nonce), payload)
            .ok()?;
        let text = URL_SAFE_NO_PAD.encode([&head[..], &nonce, &sealed].concat());
        (text.len() <= LONGEST).then_some(text)
    }

    /// Opens a pass, and proves its token anew.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if it was not sealed with these keys, or was changed in a single bit;
    /// [`VerifyError::Expired`] if it or its key has ended; [`VerifyError::KeyMissing`] as for a token.
    pub(crate) fn open(text: &str, keys: &KeyRing, now: UnixTime) -> Result<Self, VerifyError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| VerifyError::Invalid)?;
        let (head, nonce, sealed) = parts(&bytes).ok_or(VerifyError::Invalid)?;
        let number = number(head).ok_or(VerifyError::Invalid)?;
        let key = keys.pass_key(number, now)?;
        let payload = Payload {
            msg: sealed,
            aad: &[LABEL, head].concat(),
        };
        let plain = cipher(&key).decrypt(XNonce::from_slice(nonce), payload);
        let plain = plain.map_err(|_| VerifyError::Invalid)?;
        let (payment, end, place, token) = read(&plain).ok_or(VerifyError::Invalid)?;
        let token = Macaroon::from_bytes(token).map_err(|_| VerifyError::Invalid)?;
        // Once more, though the seal shows that it was done before: nothing else makes a `Proven`.
        let genuine = GenuineToken::of(&token, keys, now)?;
        // `close` has sealed nothing else than what the node has called settled.
        let proven = genuine.paid_by(&SettledPayment::as_the_node_said(payment))?;
        if now >= end {
            return Err(VerifyError::Expired);
        }
        Ok(Self { proven, end, place })
    }
}

fn cipher(key: &PassKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(Key::from_slice(key.as_bytes()))
}

fn head(number: KeyNumber) -> [u8; HEAD] {
    let [high, low] = number.0.to_be_bytes();
    [VERSION, high, low]
}

fn number(head: &[u8]) -> Option<KeyNumber> {
    match *head {
        [VERSION, high, low] => Some(KeyNumber(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// Splits the bytes of a cookie into head, nonce and sealed text.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE)?;
    Some((head, nonce, sealed))
}

/// Splits an opened text into payment hash, end, place and token.
fn read(plain: &[u8]) -> Option<(PaymentHash, UnixTime, Option<Place>, &[u8])> {
    let (payment, rest) = plain.split_first_chunk::<32>()?;
    let (end, rest) = rest.split_first_chunk::<8>()?;
    let (place, token) = match rest.split_first()? {
        (0, token) => (None, token),
        (1, rest) => rest
            .split_first_chunk::<32>()
            .map(|(place, token)| (Some(*place), token))?,
        _ => return None,
    };
    let payment = PaymentHash::from_bytes(*payment);
    let end = UnixTime::from_secs(u64::from_be_bytes(*end));
    Some((payment, end, place, token))
}
