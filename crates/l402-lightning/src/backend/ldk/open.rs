//! The opening of the node of a home folder: through a socket of the program that runs it, or in
//! this process.
//!
//! ```text
//!   l402 node run   holds the folder, serves receive.sock and pay.sock
//!   l402 serve      uses receive.sock, or holds the folder and serves receive.sock
//!   l402 get        uses pay.sock, or holds the folder; refused beside `l402 serve`
//! ```

use std::path::PathBuf;
use std::sync::Arc;

use super::folder::Folder;
use super::node::Ldk;
use super::settings::NodeSettings;
use super::setup::FOLDER;
use super::socket::{Listening, ReceiveService, SocketReceive, Status};
use crate::{Error, ErrorKind, Lifecycle, Open, Receiver};

/// The socket that answers those who are paid by the node.
const RECEIVE: &str = "receive.sock";

/// The folder of a home's node, and its settings if it was made.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    settings: Option<NodeSettings>,
}

/// Opens the receiving half.
pub(crate) async fn receiver(open: Open) -> Result<Receiver, Error> {
    let place = Place::of(&open).await?;
    if let Some(node) = SocketReceive::open(place.receive_socket(), open.clock()).await? {
        return Ok(Receiver::new(Arc::new(node)));
    }
    let ldk = place.start(&open).await?;
    let listening = match place.serve_receive(&ldk) {
        Ok(listening) => listening,
        Err(error) => {
            stop(&ldk).await;
            return Err(error);
        }
    };
    tracing::warn!(
        // The public path of this module, by which a log is filtered.
        target: "l402_lightning::ldk",
        folder = %place.folder.display(),
        "THIS PROGRAM HOLDS THE KEYS OF ITS NODE, as a node in the program must; `l402 node run` \
         holds them in a program of its own"
    );
    let mut receiver = Receiver::new(Arc::clone(&ldk) as _);
    receiver.lifecycle = Lifecycle::ending_with(async move {
        drop(listening);
        stop(&ldk).await;
    });
    Ok(receiver)
}

/// Checks nothing: the node's folder is known only together with the home.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same shape as that of every backend"
)]
pub(crate) fn check_receiver() -> Result<(), Error> {
    Ok(())
}

/// Stops a node, and logs a failure.
pub(super) async fn stop(ldk: &Ldk) {
    if let Err(error) = ldk.stop().await {
        tracing::warn!(%error, "the node did not stop in order");
    }
}

impl Place {
    pub(super) async fn of(open: &Open) -> Result<Self, Error> {
        let folder = open.home().join(FOLDER);
        blocking(move || {
            let settings = NodeSettings::read(&folder)?;
            Ok(Self { folder, settings })
        })
        .await
    }

    pub(super) fn receive_socket(&self) -> PathBuf {
        let settings = self.settings.as_ref();
        let named = settings.and_then(|settings| settings.receive_socket.clone());
        named.unwrap_or_else(|| self.folder.join(RECEIVE))
    }

    /// Starts the node in this process.
    pub(super) async fn start(&self, open: &Open) -> Result<Arc<Ldk>, Error> {
        let settings = self.settings.clone().ok_or_else(|| self.no_node())?;
        let folder = self.folder.clone();
        let config = blocking(move || {
            Folder::check_seed(&folder)?;
            settings.config(&folder)
        });
        Ok(Arc::new(Ldk::start(config.await?, open.clock()).await?))
    }

    /// Returns the folder and the settings of a node that was made.
    pub(super) fn made(self) -> Result<(PathBuf, NodeSettings), Error> {
        match self.settings {
            Some(settings) => Ok((self.folder, settings)),
            None => Err(self.no_node()),
        }
    }

    pub(super) fn serve_receive(&self, ldk: &Arc<Ldk>) -> Result<Listening, Error> {
        let service = ReceiveService::new(Arc::clone(ldk) as _, status(ldk));
        let group = self.settings.as_ref();
        let group = group.and_then(|settings| settings.receive_group.as_deref());
        Listening::start(&self.receive_socket(), group, Arc::new(service))
    }

    fn no_node(&self) -> Error {
        let folder = self.folder.display();
        let text = format!(
            "there is no node in {folder} yet; make one: l402 node init --network signet --chain URL"
        );
        Error::new(ErrorKind::Local, text)
    }
}

/// Returns what the sockets say of the node.
pub(super) fn status(ldk: &Ldk) -> Status {
    let shared = ldk.shared();
    Status::new(shared.key.payee().to_string(), shared.network)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::new(ErrorKind::Local, "the program is about to end"))?
}
