//! The opening of the sandbox as a [`Node`](crate::Node).

use std::sync::Arc;

use super::Sandbox;
use crate::{Error, ErrorKind, Open, Receiver};

/// Opens the sandbox of the home folder, for receiving.
pub(crate) async fn receiver(open: Open) -> Result<Receiver, Error> {
    let sandbox = blocking(move || Sandbox::open(open.home(), open.clock())).await?;
    Ok(Receiver::new(Arc::new(sandbox)))
}

/// Runs the work of opening in a thread of its own, because it reads files and must delay no other
/// task.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Local, "the program is about to end")))
}
