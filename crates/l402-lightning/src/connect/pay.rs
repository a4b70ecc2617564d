//! The opening of the spending half of a backend.

use crate::backend;
use crate::{Error, ErrorKind, Node, Open, Wallet};

impl Node {
    /// Opens both halves. The sandbox pays from its account `default`.
    ///
    /// # Errors
    /// As [`Node::receiver`], but for the macaroon, which must be able to spend here.
    pub async fn wallet(&self, open: Open) -> Result<Wallet, Error> {
        let node = self.resolve(open.home())?;
        match_built!(node.as_ref(), open, {
            #[cfg(feature = "sandbox")]
            Self::Sandbox => backend::sandbox::wallet(open).await,
            // Needs neither home folder nor clock: both are at the other end.
            Self::SandboxHttp(node) => backend::sandbox_http::wallet(node),
            #[cfg(feature = "lnd")]
            Self::Lnd(node) => backend::lnd::wallet(node, open).await,
            #[cfg(feature = "cln")]
            Self::Cln(node) => backend::cln::wallet(node, open).await,
            #[cfg(feature = "cln")]
            Self::ClnRest(node) => backend::cln::rest_wallet(node, open).await,
            #[cfg(feature = "ldk")]
            Self::Ldk => backend::ldk::wallet(open).await,
            #[cfg(feature = "nwc")]
            Self::Nwc(node) => backend::nwc::wallet(node, open).await,
            #[cfg(feature = "phoenixd")]
            Self::Phoenixd(node) => backend::phoenixd::wallet(node, open).await,
            #[cfg(feature = "lnbits")]
            Self::Lnbits(node) => backend::lnbits::wallet(node, open).await,
            Self::Lnurl(_) => Err(only_receives()),
            Self::Stored(name) => Err(super::receive::unresolved(name)),
        })
    }
}

fn only_receives() -> Error {
    let text = "a Lightning address only receives; name a wallet to pay";
    Error::new(ErrorKind::Rejected, text)
}
