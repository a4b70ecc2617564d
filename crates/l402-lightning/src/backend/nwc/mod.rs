//! SCAFFOLD of nwc.

use crate::{Error, ErrorKind, NwcNode, Open, Receiver};

pub(crate) mod wire;

pub(crate) async fn receiver(_: &NwcNode, _: Open) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_receiver(_: &NwcNode, _: bool) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

#[cfg(feature = "pay")]
pub(crate) async fn wallet(_: &NwcNode, _: Open) -> Result<crate::Wallet, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}
