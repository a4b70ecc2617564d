//! The ledger that the configuration chooses.

use std::sync::Arc;

use l402_host::Clock;
use l402_server::Ledger;
use l402_server::ledger::{LedgerError, LedgerErrorKind, SqliteLedger};

use super::{Home, ledger_id};
use crate::{GatewayError, GatewayErrorKind};

/// Opens the ledger of a gateway. Blocks for a moment.
///
/// No other function knows which store it is: a file under `home`, until the configuration names
/// another.
///
/// # Errors
/// [`GatewayError`], naming the file and what is wrong with it.
pub(super) fn open(home: &Home, clock: Arc<dyn Clock>) -> Result<Arc<dyn Ledger>, GatewayError> {
    let keeper = ledger_id::Keeper::start(home)?;
    let grown = move |mark| keeper.keep(mark);
    let ledger = SqliteLedger::open_with(&home.ledger(), clock, grown).map_err(unusable)?;
    Ok(Arc::new(ledger))
}

/// Returns the error of a ledger that does not open.
pub(super) fn unusable(error: LedgerError) -> GatewayError {
    let text = format!("cannot use the {error}");
    GatewayError::new(kind(error.kind()), text).with_source(error)
}

/// Returns the kind by which a program that starts gateways branches.
fn kind(kind: LedgerErrorKind) -> GatewayErrorKind {
    match kind {
        LedgerErrorKind::Newer => GatewayErrorKind::NewerFile,
        LedgerErrorKind::Unsafe => GatewayErrorKind::UnsafeFile,
        _ => GatewayErrorKind::Ledger,
    }
}
