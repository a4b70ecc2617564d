//! The codecs of the `Payment` scheme (draft-httpauth-payment-00): canonical JSON, base64url,
//! the challenge's id, credential and receipt. Nothing in this module authorises a request.

mod scheme;

pub use scheme::{
    BoundParams, PaymentCredential, PaymentSchemeError, canonical_json, decode_base64url,
    decode_object, encode_base64url,
};
