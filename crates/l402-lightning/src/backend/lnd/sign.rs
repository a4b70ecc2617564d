//! The signature of lnd.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402_host::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::open::{connect, read_macaroon};
use super::rest_api::Rest;
use crate::{Error, ErrorKind, LndNode, Sign, Signer};

/// Opens an lnd that signs. Asks nobody yet; any macaroon that may sign will do.
pub(crate) fn signer(node: &LndNode) -> Result<Signer, Error> {
    let macaroon = read_macaroon(node)?;
    let rest = connect(node, &macaroon)?;
    Ok(Signer::new(Arc::new(LndSign { rest })))
}

/// An lnd that signs.
#[derive(Debug)]
struct LndSign {
    rest: Rest,
}

/// `lnrpc.SignMessageResponse`.
#[derive(Deserialize)]
struct Signed {
    signature: String,
}

impl Sign for LndSign {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let body = json!({ "msg": STANDARD.encode(message) });
            let signed = self.rest.post("/v1/signmessage", &body).json::<Signed>();
            let signed = signed.await.map_err(|failure| {
                let error = failure.error;
                if error.kind() != ErrorKind::Unauthorized {
                    return error;
                }
                let command = LndNode::least_macaroon_to_sign();
                let text = format!("{error}; the macaroon may not sign messages: {command}");
                Error::new(ErrorKind::Unauthorized, text)
            })?;
            Ok(signed.signature)
        })
    }
}
