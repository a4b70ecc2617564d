//! The wallet of a client: opened before, or once it is needed.

use std::sync::Arc;

use l402_host::BoxFuture;
use l402_lightning::Pay;
use tokio::sync::OnceCell;

use crate::Error;

/// A wallet that is opened once something is to be paid or looked up. A call that pays nothing, since
/// its page is free or was bought before, never opens it.
///
/// ```
/// use std::sync::Arc;
///
/// use l402_client::{Client, Error, Journal, WalletSource};
/// use l402_host::BoxFuture;
/// use l402_lightning::Pay;
///
/// struct None;
///
/// impl WalletSource for None {
///     fn open(&self) -> BoxFuture<'_, Result<Option<Arc<dyn Pay>>, Error>> {
///         Box::pin(async { Ok(Option::None) })
///     }
/// }
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let client = Client::builder(Journal::open(&home.join("client"))?)
///     .wallet_source(None)
///     .build()?;
/// # drop(client);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait WalletSource: Send + Sync {
    /// Opens the wallet; `None` if there is none, as for a client without one. Called once, and again
    /// only after an error.
    ///
    /// # Errors
    /// [`Error::Wallet`], which the call that needs the wallet ends with. Nothing is paid then.
    fn open(&self) -> BoxFuture<'_, Result<Option<Arc<dyn Pay>>, Error>>;
}

/// The wallet that all clones of a client share.
#[derive(Clone, Default)]
pub(crate) enum Wallet {
    #[default]
    None,
    Open(Arc<dyn Pay>),
    Later(Arc<Later>),
}

/// A wallet that is opened by the first call that needs it.
pub(crate) struct Later {
    source: Box<dyn WalletSource>,
    opened: OnceCell<Option<Arc<dyn Pay>>>,
}

impl Wallet {
    pub(crate) fn later(source: impl WalletSource + 'static) -> Self {
        Self::Later(Arc::new(Later {
            source: Box::new(source),
            opened: OnceCell::new(),
        }))
    }

    /// Returns the wallet, and opens it if that was not done yet.
    ///
    /// # Errors
    /// [`Error::Wallet`] if it cannot be opened.
    pub(crate) async fn get(&self) -> Result<Option<Arc<dyn Pay>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Open(wallet) => Ok(Some(Arc::clone(wallet))),
            Self::Later(later) => {
                let opened = later.opened.get_or_try_init(|| later.source.open());
                Ok(opened.await?.clone())
            }
        }
    }
}
