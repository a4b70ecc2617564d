//! The signature of the node of a home folder.

use std::sync::Arc;

use l402_host::BoxFuture;

use super::config;
use super::folder::Folder;
use super::key::InvoiceKey;
use super::open::Place;
use crate::{Error, Open, Sign, Signer};

/// Opens the node for signing. Only its seed is read, so it need not run, and may run elsewhere.
pub(crate) async fn signer(open: Open) -> Result<Signer, Error> {
    let settings = Place::of(&open).await?.made()?;
    let key = super::open::blocking(move || {
        let (folder, settings) = settings;
        Folder::check_seed(&folder)?;
        let config = settings.config(&folder)?;
        let seed = Folder::read_seed(&config.storage)?;
        InvoiceKey::derive(&seed, config::network(config.network)?)
    });
    let key = key.await?;
    Ok(Signer::new(Arc::new(LdkSign { key })))
}

/// The key of a node. `Debug` does not show it.
struct LdkSign {
    key: InvoiceKey,
}

impl core::fmt::Debug for LdkSign {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LdkSign")
            .field("node_id", &self.key.payee())
            .finish_non_exhaustive()
    }
}

impl Sign for LdkSign {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move { Ok(self.key.sign(message)) })
    }
}
