//! The signature of Core Lightning.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::open::{clnrest, read_rune, socket};
use super::rpc::{Method, Rpc, TIME_LIMIT};
use crate::node::{CLN_SIGNING, rune_recipe};
use crate::{ClnNode, ClnRestNode, Error, ErrorKind, Sign, Signer};

/// Opens a Core Lightning that signs, over its socket. Asks nobody yet.
pub(crate) fn signer(node: &ClnNode) -> Signer {
    Signer::new(Arc::new(ClnSign { rpc: socket(node) }))
}

/// Opens a Core Lightning that signs, over clnrest. Asks nobody yet.
pub(crate) fn rest_signer(node: &ClnRestNode) -> Result<Signer, Error> {
    let rpc = clnrest(node, &read_rune(node)?)?;
    Ok(Signer::new(Arc::new(ClnSign { rpc })))
}

/// A Core Lightning that signs.
#[derive(Debug)]
struct ClnSign {
    rpc: Rpc,
}

/// `signmessage`, as far as it is read.
#[derive(Deserialize)]
struct Signed {
    zbase: String,
}

impl Sign for ClnSign {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let message = core::str::from_utf8(message).map_err(|_| {
                let text = "Core Lightning signs text in UTF-8 only";
                Error::new(ErrorKind::Rejected, text)
            })?;
            let params = json!({ "message": message });
            let call = self.rpc.call(Method("/v1/signmessage"), params, TIME_LIMIT);
            let signed: Signed = call.await.map_err(|failure| {
                let error = failure.error;
                if error.kind() != ErrorKind::Unauthorized {
                    return error;
                }
                let recipe = rune_recipe(&CLN_SIGNING);
                let text = format!("{error}; the rune may not sign messages: {recipe}");
                Error::new(ErrorKind::Unauthorized, text)
            })?;
            Ok(signed.zbase)
        })
    }
}
