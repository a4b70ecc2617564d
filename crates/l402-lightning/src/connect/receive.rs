//! The opening of the receiving half of a backend.

use std::path::Path;

use crate::backend;
use crate::{Error, ErrorKind, Node, Open, Receiver, WalletName};

impl Node {
    /// Opens the receiving half. Must be called inside a tokio runtime, which must live longer than
    /// the receiver: its tasks do the I/O.
    ///
    /// # Errors
    /// `Unauthorized` for a macaroon that can do more than receive, `Local` for files that cannot
    /// be read and for a backend that this program was built without, `Rejected` for a backend
    /// that only pays, and any error of a call to lnd if it has to be asked for its
    /// network.
    pub async fn receiver(&self, open: Open) -> Result<Receiver, Error> {
        let node = self.resolve(open.home())?;
        match_built!(node.as_ref(), open, {
            #[cfg(feature = "sandbox")]
            Self::Sandbox => backend::sandbox::receiver(open).await,
            Self::SandboxHttp(_) => Err(only_pays()),
            #[cfg(feature = "lnd")]
            Self::Lnd(node) => backend::lnd::receiver(node, open).await,
            #[cfg(feature = "cln")]
            Self::Cln(node) => backend::cln::receiver(node, open).await,
            #[cfg(feature = "cln")]
            Self::ClnRest(node) => backend::cln::rest_receiver(node, open).await,
            #[cfg(feature = "ldk")]
            Self::Ldk => backend::ldk::receiver(open).await,
            #[cfg(feature = "nwc")]
            Self::Nwc(node) => backend::nwc::receiver(node, open).await,
            #[cfg(feature = "phoenixd")]
            Self::Phoenixd(node) => backend::phoenixd::receiver(node, open).await,
            #[cfg(feature = "lnbits")]
            Self::Lnbits(node) => backend::lnbits::receiver(node, open).await,
            #[cfg(feature = "lnurl")]
            Self::Lnurl(node) => backend::lnurl::receiver(node, open).await,
            Self::Stored(name) => Err(unresolved(name)),
        })
    }

    /// Reads and checks the local files that [`Node::receiver`] would, such as certificate and
    /// macaroon. Asks nobody, and writes nothing. `home` is the home folder, in which names are
    /// looked up; `danger_spending` accepts a credential that could spend.
    ///
    /// # Errors
    /// Those of [`Node::receiver`] that need no connection.
    pub fn check_receiver(&self, home: &Path, danger_spending: bool) -> Result<(), Error> {
        let node = self.resolve(home)?;
        match_built!(node.as_ref(), danger_spending, {
            #[cfg(feature = "sandbox")]
            Self::Sandbox => Ok(()),
            Self::SandboxHttp(_) => Err(only_pays()),
            #[cfg(feature = "lnd")]
            Self::Lnd(node) => backend::lnd::check_receiver(node, danger_spending),
            #[cfg(feature = "cln")]
            Self::Cln(node) => backend::cln::check_receiver(node, danger_spending),
            #[cfg(feature = "cln")]
            Self::ClnRest(node) => backend::cln::check_rest_receiver(node, danger_spending),
            #[cfg(feature = "ldk")]
            Self::Ldk => backend::ldk::check_receiver(),
            #[cfg(feature = "nwc")]
            Self::Nwc(node) => backend::nwc::check_receiver(node, danger_spending),
            #[cfg(feature = "phoenixd")]
            Self::Phoenixd(node) => backend::phoenixd::check_receiver(node, danger_spending),
            #[cfg(feature = "lnbits")]
            Self::Lnbits(node) => backend::lnbits::check_receiver(node, danger_spending),
            #[cfg(feature = "lnurl")]
            Self::Lnurl(node) => backend::lnurl::check_receiver(node, danger_spending),
            Self::Stored(name) => Err(unresolved(name)),
        })
    }
}

/// Never happens: a name stands for no name. Stated, because the compiler cannot know.
pub(super) fn unresolved(name: &WalletName) -> Error {
    let text = format!("{name} is stored as a name, and not as a wallet");
    Error::new(ErrorKind::Local, text)
}

fn only_pays() -> Error {
    Error::new(
        ErrorKind::Rejected,
        "sandbox+http:// only pays; to be paid, use sandbox with the same home folder",
    )
}
