//! The signature of the sandbox.

use std::sync::Arc;

use l402_host::BoxFuture;

use super::Sandbox;
use super::open::blocking;
use crate::{Error, Open, Sign, Signer};

/// Opens the sandbox of the home folder, for signing.
pub(crate) async fn signer(open: Open) -> Result<Signer, Error> {
    let sandbox = blocking(move || Sandbox::open(open.home(), open.clock())).await?;
    Ok(Signer::new(Arc::new(sandbox)))
}

impl Sign for Sandbox {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move { Ok(self.shared.key.sign(message)) })
    }
}
