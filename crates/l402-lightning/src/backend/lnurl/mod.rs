//! SCAFFOLD of lnurl.

use crate::{Error, ErrorKind, LnurlNode, Open, Receiver};

pub(crate) async fn receiver(_: &LnurlNode, _: Open) -> Result<Receiver, Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_receiver(_: &LnurlNode, _: bool) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Local, "scaffold"))
}
