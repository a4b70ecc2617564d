//! The sandbox as a [`Node`](crate::Node).

use std::path::Path;
use std::sync::Arc;

use super::Sandbox;
use crate::{Error, ErrorKind, Receive};
use l402_host::Clock;
#[cfg(feature = "pay")]
pub(crate) use payer::payer;

pub(crate) async fn receiver(
    home: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Receive>, Error> {
    let home = home.to_owned();
    Ok(Arc::new(
        blocking(move || Sandbox::open(&home, clock)).await?,
    ))
}

/// Opening reads files, which must not hold up other tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Local, "the program is about to end")))
}

#[cfg(feature = "pay")]
mod payer {
    use super::{Arc, Clock, Error, Path, Sandbox, blocking};
    use crate::Pay;
    use crate::backend::sandbox::SandboxWallet;

    pub(crate) async fn payer(home: &Path, clock: Arc<dyn Clock>) -> Result<Arc<dyn Pay>, Error> {
        let home = home.to_owned();
        let open = move || SandboxWallet::open(&Sandbox::open(&home, clock)?, "default");
        Ok(Arc::new(blocking(open).await?))
    }
}
