//! The codecs of the `Payment` scheme (draft-httpauth-payment-00): canonical JSON, base64url,
//! the challenge's id, credential and receipt. Nothing in this module authorises a request.

mod canonical;
mod scheme;

pub use canonical::canonical_json;
pub use scheme::{
    BoundParams, PaymentCredential, PaymentSchemeError, decode_base64url, decode_object,
    encode_base64url,
};
