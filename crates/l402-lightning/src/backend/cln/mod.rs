//! SCAFFOLD of cln.

use crate::{ClnNode, Error, ErrorKind, Open, Receiver};

pub(crate) async fn receiver(_: &ClnNode, _: Open) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_receiver(_: &ClnNode, _: bool) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

#[cfg(feature = "pay")]
pub(crate) async fn wallet(_: &ClnNode, _: Open) -> Result<crate::Wallet, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) async fn rest_receiver(_: &crate::ClnRestNode, _: Open) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_rest_receiver(_: &crate::ClnRestNode, _: bool) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

#[cfg(feature = "pay")]
pub(crate) async fn rest_wallet(_: &crate::ClnRestNode, _: Open) -> Result<crate::Wallet, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}
