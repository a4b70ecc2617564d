//! The wallet of a command that may need none: opened once something is to be paid.

use std::sync::{Arc, Mutex, PoisonError};

use l402_client::{ClientBuilder, Error, WalletSource};
use l402_host::BoxFuture;
use l402_lightning::{Node, Pay};

use super::open::{open_preferred, open_wallet, preferred, resolve};
use crate::context::Context;
use crate::error::CliError;

/// The error with which a wallet did not open, in the words of the program. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct WalletFailure(Arc<Mutex<Option<CliError>>>);

impl WalletFailure {
    /// Returns an error of the client as one of the program. If it is that the wallet did not open,
    /// exit status and hint are those of the opening.
    pub(crate) fn explained(&self, error: Error) -> CliError {
        let kept = match error {
            Error::Wallet { .. } => self.place().take(),
            _ => None,
        };
        kept.unwrap_or_else(|| error.into())
    }

    /// Keeps the error of the opening, and returns the client's word for it.
    fn keep(&self, error: CliError) -> Error {
        let detail = error.to_string();
        *self.place() = Some(error);
        Error::Wallet { detail }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<CliError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wallet that is named, or those that the home folder prefers.
struct LateWallet {
    named: Option<Node>,
    preferred: Vec<Node>,
    context: Context,
    failure: WalletFailure,
}

impl LateWallet {
    async fn opened(&self) -> Result<Option<Arc<dyn Pay>>, CliError> {
        match &self.named {
            Some(node) => open_wallet(node, &self.context).await.map(Some),
            None => open_preferred(&self.preferred, &self.context).await,
        }
    }
}

impl WalletSource for LateWallet {
    fn open(&self) -> BoxFuture<'_, Result<Option<Arc<dyn Pay>>, Error>> {
        Box::pin(async {
            let opened = self.opened().await;
            opened.map_err(|error| self.failure.keep(error))
        })
    }
}

/// Gives a client the wallet that is named, or else those that the home folder prefers, to be opened
/// once something is to be paid: a page that is free or was bought before is had without any wallet.
///
/// # Errors
/// If the name is not stored, or the list of the preferred ones cannot be read.
pub(crate) fn with_late_wallet(
    client: ClientBuilder,
    named: Option<&Node>,
    context: &Context,
) -> Result<(ClientBuilder, WalletFailure), CliError> {
    // A mistake of the command line is told now, and not when it comes to money.
    let preferred = match named {
        Some(node) => resolve(node, context).map(|_| Vec::new())?,
        None => preferred(context)?,
    };
    let failure = WalletFailure::default();
    if named.is_none() && preferred.is_empty() {
        return Ok((client, failure));
    }
    let client = client.wallet_source(LateWallet {
        named: named.cloned(),
        preferred,
        context: context.clone(),
        failure: failure.clone(),
    });
    Ok((client, failure))
}
