//! lnd, in a program without it.

use std::sync::Arc;

#[cfg(feature = "pay")]
use crate::Pay;
use crate::{Error, ErrorKind, Node, Receive};
use l402_host::Clock;

fn absent() -> Error {
    Error::new(
        ErrorKind::Local,
        "this program was built without lnd; build it with feature lnd",
    )
}

pub(crate) async fn receiver(
    _: &Node,
    _: Arc<dyn Clock>,
    _: bool,
) -> Result<Arc<dyn Receive>, Error> {
    Err(absent())
}

#[cfg(feature = "pay")]
pub(crate) async fn payer(_: &Node, _: Arc<dyn Clock>) -> Result<Arc<dyn Pay>, Error> {
    Err(absent())
}
