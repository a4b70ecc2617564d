//! The ledger that the configuration chooses.

use std::sync::Arc;

use l402_server::Ledger;
use l402_server::ledger::SqliteLedger;

use super::Home;
use crate::GatewayError;

/// Opens the ledger of a gateway. Blocks for a moment.
///
/// No other function knows which store it is: a file under `home`, until the configuration names
/// another.
///
/// # Errors
/// Naming the file and what is wrong with it.
pub(super) fn open(home: &Home) -> Result<Arc<dyn Ledger>, GatewayError> {
    let ledger = SqliteLedger::open(&home.ledger())
        .map_err(|error| GatewayError::new(format!("cannot use the {error}")))?;
    Ok(Arc::new(ledger))
}
