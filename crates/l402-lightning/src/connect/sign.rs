//! The opening of a backend that signs messages.

use crate::{Error, ErrorKind, Node, Open, Signer};

impl Node {
    /// Opens the node for signing messages with the key that signs its invoices. Nothing here can spend:
    /// an lnd needs a macaroon for `SignMessage` alone, a Core Lightning a rune for `signmessage`.
    ///
    /// # Errors
    /// `Rejected` for a wallet that cannot sign, and `Local` for files that cannot be read and for a backend
    /// that this program was built without.
    pub async fn signer(&self, open: Open) -> Result<Signer, Error> {
        let node = self.resolve(open.home())?;
        match_built!(node.as_ref(), open, {
            #[cfg(feature = "sandbox")]
            Self::Sandbox => crate::backend::sandbox::signer(open).await,
            #[cfg(feature = "lnd")]
            Self::Lnd(node) => crate::backend::lnd::signer(node),
            #[cfg(feature = "cln")]
            Self::Cln(node) => Ok(crate::backend::cln::signer(node)),
            #[cfg(feature = "cln")]
            Self::ClnRest(node) => crate::backend::cln::rest_signer(node),
            #[cfg(feature = "ldk")]
            Self::Ldk => crate::backend::ldk::signer(open).await,
            Self::Lnbits(_)
            | Self::Lnurl(_)
            | Self::Nwc(_)
            | Self::Phoenixd(_)
            | Self::SandboxHttp(_) => Err(cannot_sign()),
            Self::Stored(name) => Err(super::receive::unresolved(name)),
        })
    }
}

fn cannot_sign() -> Error {
    let text =
        "this wallet cannot sign messages; use lnd, cln, ldk or sandbox, or prove by file or DNS";
    Error::new(ErrorKind::Rejected, text)
}
