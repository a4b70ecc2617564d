//! The sockets that go from one process to the next, and what a gateway says of them.

use std::net::{SocketAddr, TcpListener};
#[cfg(target_os = "linux")]
use std::path::Path;

#[cfg(target_os = "linux")]
use super::give;
use crate::listen::{Bound, Stopping};
use crate::run::gateway::lock;
use crate::run::{Gateway, Home};

/// The purpose of the sockets on which requests are sold.
pub(in crate::run) const HTTP: &str = "http";

/// The purpose of the sockets whose requests are sent on to TLS.
pub(in crate::run) const REDIRECT: &str = "redirect";

/// The names of the sockets at which gateways wait for an upgrade.
#[cfg(target_os = "linux")]
pub(super) const SOCKET: &str = "upgrade-";
#[cfg(target_os = "linux")]
pub(super) const SOCKET_END: &str = ".sock";

/// Sockets of one address, and what they are for.
#[derive(Debug)]
pub(in crate::run) struct Purposed {
    pub(in crate::run) purpose: String,
    pub(in crate::run) bound: Bound,
}

/// Returns true if a file has the name of such a socket.
#[cfg(target_os = "linux")]
pub(super) fn is_socket(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(SOCKET) && name.ends_with(SOCKET_END))
}

/// Divides the listeners of one address among workers: each listener has one worker, and a worker may
/// have several.
pub(in crate::run) fn divide(listeners: Vec<TcpListener>, of_workers: &mut [Vec<TcpListener>]) {
    let count = of_workers.len().max(1);
    for (number, listener) in listeners.into_iter().enumerate() {
        if let Some(own) = of_workers.get_mut(number % count) {
            own.push(listener);
        }
    }
}

impl Gateway {
    /// Waits, in the background, for a process that takes the sockets over, and then hands them over: see
    /// [`Upgrade`](crate::Upgrade). `refused` is told to such a process in place of that. To be called once, after
    /// [`Gateway::take_over`]. Without the socket for it, which the log tells, there is no upgrade.
    pub fn wait_for_upgrade(&self, home: &Home, refused: Option<String>) {
        #[cfg(target_os = "linux")]
        if let Some(control) = self.control.handle() {
            let folder = home.run();
            match self.hand_over.listen(&folder) {
                Ok(listener) => {
                    let hand_over = std::sync::Arc::clone(&self.hand_over);
                    control.spawn(give::wait(listener, hand_over, refused));
                }
                Err(error) => {
                    let folder = folder.display();
                    tracing::warn!(%error, "cannot wait for an upgrade in {folder}: a new version needs a restart");
                }
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (home, refused);
    }

    /// Waits until another process has taken the sockets over. What is under way goes on to its end;
    /// [`Gateway::finish`] waits for that.
    pub async fn handed_over(&self) {
        self.stop.handed_over().await;
    }

    /// Returns true once another process has taken the sockets over.
    pub(crate) fn is_handed_over(&self) -> bool {
        *self.stop.signal.borrow() == Some(Stopping::HandedOver)
    }

    /// Returns true once the gateway accepts no more connections: it stops, or another process has its
    /// sockets.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.is_draining()
    }

    /// Returns the sockets for another purpose than requests that are sold, if the process before this one
    /// had them, and hands them on to the next. To be called before [`Gateway::take_over`].
    pub(crate) fn inherited(&self, purpose: &str, named: SocketAddr) -> Option<TcpListener> {
        let mut bound = lock(&self.inherited).as_mut()?.take(purpose, named)?;
        let listener = bound.listeners.first()?.try_clone().ok()?;
        // One, as was handed on.
        bound.listeners.truncate(1);
        self.hand_over.add(purpose, bound);
        Some(listener)
    }

    /// Has the next process get a listener, which this one has bound. It closes with the gateway's own.
    pub(crate) fn hand_on(
        &self,
        purpose: &str,
        named: SocketAddr,
        listener: &TcpListener,
    ) -> std::io::Result<()> {
        let bound = Bound::of(named, listener.try_clone()?)?;
        self.hand_over.add(purpose, bound);
        Ok(())
    }
}
