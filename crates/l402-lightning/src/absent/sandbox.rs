//! The sandbox, in a program without it.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "pay")]
use crate::Pay;
use crate::{Error, ErrorKind, Receive};
use l402_host::Clock;

fn absent() -> Error {
    let text = "this program was built without the sandbox; build it with feature sandbox";
    Error::new(ErrorKind::Local, text)
}

pub(crate) async fn receiver(_: &Path, _: Arc<dyn Clock>) -> Result<Arc<dyn Receive>, Error> {
    Err(absent())
}

#[cfg(feature = "pay")]
pub(crate) async fn payer(_: &Path, _: Arc<dyn Clock>) -> Result<Arc<dyn Pay>, Error> {
    Err(absent())
}
