//! SCAFFOLD of lnbits.

use crate::{Error, ErrorKind, LnbitsNode, Open, Receiver};

pub(crate) async fn receiver(_: &LnbitsNode, _: Open) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_receiver(_: &LnbitsNode, _: bool) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

#[cfg(feature = "pay")]
pub(crate) async fn wallet(_: &LnbitsNode, _: Open) -> Result<crate::Wallet, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}
