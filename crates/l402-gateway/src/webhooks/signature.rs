//! The signature of a delivery, by the specification of Standard Webhooks 1.0.0.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use l402::UnixTime;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The beginning of a secret in the form of Standard Webhooks.
const PREFIX: &str = "whsec_";

/// The fewest and the most bytes of a secret, by the specification.
const LEAST: usize = 24;
const MOST: usize = 64;

/// The secret that a target shares with its receiver. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Reads a secret: base64 with or without `whsec_` before it, of 24 to 64 bytes.
    ///
    /// # Errors
    /// The fix, without a part of the secret.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_ascii();
        let base64 = text.strip_prefix(PREFIX).unwrap_or(text);
        if base64.is_empty() {
            return Err("is empty; make one with: echo whsec_$(openssl rand -base64 32)");
        }
        let bytes = STANDARD.decode(base64).map(Zeroizing::new);
        match bytes {
            Err(_) => Err(
                "is no base64 after whsec_; make one with: echo whsec_$(openssl rand \
                           -base64 32)",
            ),
            Ok(bytes) if bytes.len() < LEAST => {
                Err("is too short: a secret has at least 24 bytes; \
                                                     make one with: echo whsec_$(openssl rand \
                                                     -base64 32)")
            }
            Ok(bytes) if bytes.len() > MOST => Err("is too long: a secret has at most 64 bytes"),
            Ok(bytes) => Ok(Self(bytes)),
        }
    }

    /// Signs one attempt. `id` holds no full stop, so that no other message has the same text.
    pub(super) fn sign(&self, id: &str, at: UnixTime, body: &str) -> String {
        debug_assert!(!id.contains('.'), "an id of ours");
        // Any length is a key of HMAC, so there is no error.
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let signed = mac.map(|mut mac| {
            for part in [id, ".", &at.secs().to_string(), ".", body] {
                mac.update(part.as_bytes());
            }
            STANDARD.encode(mac.finalize().into_bytes())
        });
        format!("v1,{}", signed.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector in the tests of Standard Webhooks' own libraries.
    #[test]
    fn the_published_signature_comes_out() {
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let body = r#"{"test": 2432232314}"#;
        for secret in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        ] {
            let secret = Secret::read(secret).unwrap();
            assert_eq!(
                secret.sign(id, UnixTime::from_secs(at), body),
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
            );
        }
    }

    #[test]
    fn a_secret_that_is_none_names_the_fix_and_not_itself() {
        for (text, part) in [
            ("", "empty"),
            ("whsec_", "empty"),
            ("whsec_c2hvcnQ=", "too short"),
            ("correct horse battery staple", "no base64"),
        ] {
            let error = Secret::read(text).unwrap_err();
            assert!(
                error.contains(part) && error.contains("openssl rand"),
                "{error}"
            );
            assert!(!error.contains("horse"));
        }
        let long = STANDARD.encode([7; 65]);
        assert!(Secret::read(&long).unwrap_err().contains("too long"));
        let secret = Secret::read(&STANDARD.encode([7; 24])).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
