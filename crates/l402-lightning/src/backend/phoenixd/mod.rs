//! SCAFFOLD of phoenixd.

use crate::{Error, ErrorKind, Open, PhoenixdNode, Receiver};

pub(crate) async fn receiver(_: &PhoenixdNode, _: Open) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_receiver(_: &PhoenixdNode, _: bool) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

#[cfg(feature = "pay")]
pub(crate) async fn wallet(_: &PhoenixdNode, _: Open) -> Result<crate::Wallet, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}
