//! The opening of the sandbox as a [`Node`](crate::Node).

#[cfg(any(feature = "sandbox-api", feature = "sandbox-nwc"))]
use std::path::Path;
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

/// The name of a listener in errors.
#[cfg(any(feature = "sandbox-api", feature = "sandbox-nwc"))]
pub(super) const SOCKET: &str = "the sandbox's socket";

/// Returns the address of a listener that other machines cannot reach.
///
/// # Errors
/// `Local` if they can.
#[cfg(any(feature = "sandbox-api", feature = "sandbox-nwc"))]
pub(super) fn loopback(listener: &tokio::net::TcpListener) -> Result<core::net::SocketAddr, Error> {
    let address = listener
        .local_addr()
        .map_err(|error| super::local("read", Path::new(SOCKET), &error))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let text = format!(
        "the sandbox is no money and must not be reachable from other machines; \
         listen on 127.0.0.1:{}, not on {address}",
        address.port()
    );
    Err(Error::new(ErrorKind::Local, text))
}
