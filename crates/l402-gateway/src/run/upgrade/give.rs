//! The running process: waits for the next one, and hands its sockets over.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402_host::private;

use super::hand_over::{HandOver, Shared};
use super::offer::offers;
use super::wire::{Described, Hello, PROTOCOL, Reply, Step, Wire};
use super::{Purposed, SOCKET, SOCKET_END, is_socket};
use crate::listen::Stopping;

/// The longest wait for a word that needs no work of the other process.
const SOON: Duration = Duration::from_secs(10);

/// The longest wait for a process that opens its ledger and its node.
const READY: Duration = Duration::from_secs(300);

/// The pause after an error, which may be one of the system that comes again.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest wait for a process that has the sockets.
const SERVING: Duration = Duration::from_secs(60);

impl Shared {
    fn describe(&self) -> Vec<Described> {
        let describe = |sockets: &Purposed| Described {
            purpose: sockets.purpose.clone(),
            named: sockets.bound.named,
            address: sockets.bound.address,
            listeners: sockets.bound.listeners.len(),
        };
        self.sockets.iter().map(describe).collect()
    }

    /// Sends which sockets there are, and then each.
    fn send(&self, wire: &mut Wire) -> io::Result<()> {
        if self.is_closed {
            return Err(io::Error::other("this gateway ends"));
        }
        wire.send(&Step::Sockets, SOON)?;
        wire.send(&self.describe(), SOON)?;
        for Purposed { bound, .. } in &self.sockets {
            for listener in &bound.listeners {
                wire.send_socket(listener.as_fd())?;
            }
            wire.send_socket(bound.lock.as_fd())?;
        }
        Ok(())
    }
}

impl HandOver {
    /// Makes the socket at which the next process asks. Removes those of processes that have ended.
    ///
    /// # Errors
    /// The folder or the socket cannot be made, such as with a path that is too long.
    pub(in crate::run) fn listen(&self, folder: &Path) -> io::Result<UnixListener> {
        private::create_folder(folder).map_err(io::Error::other)?;
        remove_abandoned(folder)?;
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(|error| io::Error::other(error.to_string()))?;
        let number = u64::from_be_bytes(number);
        let path = folder.join(format!("{SOCKET}{number:016x}{SOCKET_END}"));
        // It gets its name when it listens and is closed to others: who refuses a connection is dead.
        let unnamed = path.with_extension("new");
        let listener = UnixListener::bind(&unnamed)?;
        let named = fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&unnamed, &path));
        if let Err(error) = named {
            let _ = fs::remove_file(&unnamed);
            return Err(error);
        }
        let mut shared = self.shared();
        if shared.is_closed {
            fs::remove_file(path)?;
        } else {
            shared.path = Some(path);
        }
        Ok(listener)
    }

    /// Talks to a process that may want the sockets. Blocks, for minutes at most. `refused` is the reason
    /// why it cannot have them.
    ///
    /// # Errors
    /// The other process has failed, or asks for what there is not, before it served. Then nothing has
    /// changed here.
    pub(in crate::run) fn give(&self, stream: UnixStream, refused: Option<&str>) -> io::Result<()> {
        let mut wire = Wire::new(stream)?;
        let hello: Hello = wire.receive(SOON)?;
        let reply = Reply {
            refused: refusal(&hello, refused),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            addresses: self.shared().describe(),
        };
        wire.send(&reply, SOON)?;
        if reply.refused.is_some() {
            return Ok(());
        }
        match wire.expect(Step::Ready, READY) {
            // It has only looked: its own mistakes end it, or it has chosen another gateway.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            ready => ready?,
        }
        tracing::info!(pid = wire.pid, version = hello.version, "an upgrade begins");
        // Held while they are sent, so that they are those that are described.
        self.shared().send(&mut wire)?;
        wire.expect(Step::Serving, SERVING)?;
        tracing::info!(
            pid = wire.pid,
            "another process serves; what is under way ends here"
        );
        let has_same_node = hello.node.as_ref().is_none_or(|node| *node == self.node);
        self.stop.read_on(!has_same_node);
        self.close();
        self.stop.send(Stopping::HandedOver);
        // Now: streams may last for hours, and the other process holds the addresses.
        self.release();
        // It serves, whether it hears this or not.
        let _ = wire.send(&Step::Draining, SOON);
        if let Some(books) = self.books.as_ref().filter(|_| has_same_node) {
            // What does not arrive is told by its first use.
            let _ = wire.send_last(offers(books), SOON);
        }
        Ok(())
    }
}

/// Hands the sockets to the process that asks for them, one after another until one has them all.
pub(super) async fn wait(listener: UnixListener, over: Arc<HandOver>, refused: Option<String>) {
    let accepting = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::UnixListener::from_std(listener));
    let listener = match accepting {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "no upgrade is possible"),
    };
    loop {
        let asked = listener.accept().await;
        let (over, refused) = (Arc::clone(&over), refused.clone());
        let talk = move || {
            let stream = asked?.0.into_std()?;
            stream.set_nonblocking(false)?;
            over.give(stream, refused.as_deref())
        };
        // It blocks for as long as the other process takes to start.
        match tokio::task::spawn_blocking(talk).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "an upgrade has failed, this process goes on");
                tokio::time::sleep(PAUSE).await;
            }
            // The gateway ends.
            Err(_) => return,
        }
    }
}

/// Returns the reason why a process gets nothing.
fn refusal(hello: &Hello, refused: Option<&str>) -> Option<String> {
    if hello.protocol == PROTOCOL {
        return refused.map(ToOwned::to_owned);
    }
    Some(format!(
        "the running gateway is of version {} and hands nothing over to version {}: stop it, and start \
         this one",
        env!("CARGO_PKG_VERSION"),
        hello.version
    ))
}

/// Removes the sockets at which nobody listens.
fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let refuses = || {
            let error = UnixStream::connect(&path).err();
            error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if is_socket(&path) && refuses() {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}
