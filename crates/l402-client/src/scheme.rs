//! The schemes under which a credential is presented.

use http::HeaderValue;
use l402::mpp::{canonical_json, encode_base64url};
use l402::{Preimage, Scheme};
use serde_json::{Value, json};

/// The scheme of a challenge, under which its credential is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialScheme {
    /// `L402`, the token and the preimage.
    L402,
    /// `LSAT`, the earlier name of L402.
    Lsat,
    /// `Payment` (MPP) of the method lightning and the intent charge: the challenge sent back, with the
    /// preimage. Good for one answer.
    Payment,
}

impl CredentialScheme {
    /// Returns the name in a header: `L402`, `LSAT`, `Payment`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L402 => Scheme::L402.name(),
            Self::Lsat => Scheme::Lsat.name(),
            Self::Payment => "Payment",
        }
    }
}

impl From<Scheme> for CredentialScheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::L402 => Self::L402,
            Scheme::Lsat => Self::Lsat,
        }
    }
}

/// Returns the credential of a token under the scheme of this name, `None` if it does not fit into a
/// header. Under `Payment` the token is the challenge, as a JSON object.
pub(crate) fn credential(scheme: &str, token: &str, preimage: &Preimage) -> Option<HeaderValue> {
    let value = if scheme == CredentialScheme::Payment.name() {
        let challenge: Value = serde_json::from_str(token).ok()?;
        let payload = json!({ "preimage": preimage.to_hex() });
        let text = json!({ "challenge": challenge, "payload": payload }).to_string();
        encode_base64url(canonical_json(&text).ok()?.as_bytes())
    } else {
        format!("{token}:{}", preimage.to_hex())
    };
    let mut value = HeaderValue::try_from(format!("{scheme} {value}")).ok()?;
    // So that no `Debug` of a request shows the preimage.
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The credential says what that of the vectors says. Its members are in canonical order, as the
    /// draft of the method asks; servers read any order.
    #[test]
    fn a_charge_is_sent_back_as_the_vectors_have_it() {
        let vectors = include_str!("../../../spec/vectors/flow_vectors.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let charge = &vectors["payment_charge"];
        let sent: Value =
            serde_json::from_str(charge["credential_json"].as_str().unwrap()).unwrap();
        let preimage = sent["payload"]["preimage"].as_str().unwrap();
        let preimage = preimage.parse().unwrap();
        let value = credential("Payment", &sent["challenge"].to_string(), &preimage).unwrap();
        let read = |text: &str| {
            let text = text.strip_prefix("Payment ").unwrap();
            l402::mpp::decode_object(text).unwrap()
        };
        let expected = read(charge["authorization"].as_str().unwrap());
        assert_eq!(read(value.to_str().unwrap()), expected);
        assert_eq!(format!("{value:?}"), "Sensitive");
    }
}
