//! The ledger that the configuration chooses.

use std::sync::Arc;

use l402_server::Ledger;
use l402_server::ledger::{LedgerErrorKind, SqliteLedger};

use super::Home;
use crate::{GatewayError, GatewayErrorKind};

/// Opens the ledger of a gateway. Blocks for a moment.
///
/// No other function knows which store it is: a file under `home`, until the configuration names
/// another.
///
/// # Errors
/// [`GatewayError`], naming the file and what is wrong with it.
pub(super) fn open(home: &Home) -> Result<Arc<dyn Ledger>, GatewayError> {
    let ledger = SqliteLedger::open(&home.ledger()).map_err(|error| {
        let text = format!("cannot use the {error}");
        GatewayError::new(kind(error.kind()), text).with_source(error)
    })?;
    Ok(Arc::new(ledger))
}

/// Returns the kind by which a program that starts gateways branches.
fn kind(kind: LedgerErrorKind) -> GatewayErrorKind {
    match kind {
        LedgerErrorKind::Newer => GatewayErrorKind::NewerFile,
        LedgerErrorKind::Unsafe => GatewayErrorKind::UnsafeFile,
        _ => GatewayErrorKind::Ledger,
    }
}
