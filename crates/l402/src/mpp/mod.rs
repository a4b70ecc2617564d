//! The codecs of the `Payment` scheme (draft-httpauth-payment-00): canonical JSON, base64url, the
//! id of a challenge, credential and receipt. Nothing in this module authorises a request.
//!
//! ```
//! use l402::mpp::{BoundParams, canonical_json, encode_base64url};
//!
//! let request = canonical_json(r#"{ "currency": "sat", "amount": "50" }"#)?;
//! assert_eq!(request, r#"{"amount":"50","currency":"sat"}"#);
//! let request = encode_base64url(request.as_bytes());
//!
//! let params = BoundParams {
//!     realm: "api.example",
//!     method: "lightning",
//!     intent: "charge",
//!     request: &request,
//!     ..BoundParams::default()
//! };
//! let id = params.id(b"a secret of the server");
//! let other = BoundParams { realm: "other.example", ..params };
//! assert_ne!(other.id(b"a secret of the server"), id);
//! # Ok::<(), l402::mpp::PaymentSchemeError>(())
//! ```

mod canonical;
mod scheme;

pub use canonical::canonical_json;
pub use scheme::{
    BoundParams, PaymentCredential, PaymentSchemeError, decode_base64url, decode_object,
    encode_base64url,
};
