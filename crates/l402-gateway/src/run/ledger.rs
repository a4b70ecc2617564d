//! The ledger that the configuration chooses.

use std::sync::Arc;

use l402_host::Clock;
use l402_server::Ledger;
use l402_server::books::Counts;
#[cfg(feature = "postgres")]
use l402_server::ledger::register::PostgresRegister;
use l402_server::ledger::register::{Register, SqliteRegister};
use l402_server::ledger::{LedgerError, LedgerErrorKind, SqliteCounts, SqliteLedger};
#[cfg(feature = "postgres")]
use l402_server::ledger::{PostgresCounts, PostgresLedger};

use super::{Home, ledger_id};
use crate::config::LedgerPlace;
use crate::{GatewayError, GatewayErrorKind};

/// Opens the ledger of a gateway. Blocks for a moment.
///
/// This file alone knows which store it is: a file under `home`, or a database that several gateways
/// share.
///
/// # Errors
/// [`GatewayError`], naming the ledger and what is wrong with it.
pub(super) fn open(
    home: &Home,
    place: &LedgerPlace,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Ledger>, GatewayError> {
    match place {
        LedgerPlace::Home => {
            let keeper = ledger_id::Keeper::start(home)?;
            let grown = move |mark| keeper.keep(mark);
            let ledger = SqliteLedger::open_with(&home.ledger(), clock, grown);
            Ok(Arc::new(ledger.map_err(unusable)?))
        }
        #[cfg(feature = "postgres")]
        LedgerPlace::Postgres(url) => {
            let keeper = ledger_id::Keeper::start(home)?;
            let grown = move |mark| keeper.keep(mark);
            let ledger = PostgresLedger::open(url, clock, grown);
            Ok(Arc::new(ledger.map_err(unusable)?))
        }
        #[cfg(not(feature = "postgres"))]
        LedgerPlace::Postgres(_) => Err(not_built()),
    }
}

/// Opens the register of the ledger: what stands in it beside the units. Beside running gateways, and
/// without one.
///
/// # Errors
/// As [`open`].
pub(super) fn register(
    home: &Home,
    place: &LedgerPlace,
) -> Result<Arc<dyn Register>, GatewayError> {
    match place {
        LedgerPlace::Home => Ok(Arc::new(SqliteRegister::at(&home.ledger()))),
        #[cfg(feature = "postgres")]
        LedgerPlace::Postgres(url) => Ok(Arc::new(PostgresRegister::at(url).map_err(unusable)?)),
        #[cfg(not(feature = "postgres"))]
        LedgerPlace::Postgres(_) => Err(not_built()),
    }
}

/// Opens the register of a ledger that is there, to be asked again and again while a gateway runs.
///
/// # Errors
/// As [`open`].
pub(super) fn followed_register(
    home: &Home,
    place: &LedgerPlace,
) -> Result<Arc<dyn Register>, GatewayError> {
    match place {
        LedgerPlace::Home => Ok(Arc::new(SqliteRegister::keep_open(&home.ledger()))),
        LedgerPlace::Postgres(_) => register(home, place),
    }
}

/// Opens the counts of the ledger for reading alone.
///
/// # Errors
/// As [`open`].
pub(super) fn counts(home: &Home, place: &LedgerPlace) -> Result<Box<dyn Counts>, GatewayError> {
    match place {
        LedgerPlace::Home => {
            let counts = SqliteCounts::open(&home.ledger()).map_err(unusable)?;
            Ok(Box::new(counts))
        }
        #[cfg(feature = "postgres")]
        LedgerPlace::Postgres(url) => Ok(Box::new(PostgresCounts::at(url).map_err(unusable)?)),
        #[cfg(not(feature = "postgres"))]
        LedgerPlace::Postgres(_) => Err(not_built()),
    }
}

/// Names the ledger for people.
pub(super) fn place(home: &Home, place: &LedgerPlace) -> String {
    match place {
        LedgerPlace::Home => home.ledger().display().to_string(),
        LedgerPlace::Postgres(url) => url.to_string(),
    }
}

#[cfg(not(feature = "postgres"))]
pub(super) fn not_built() -> GatewayError {
    let text =
        "ledger.url: this program is built without PostgreSQL; build it with --features postgres";
    GatewayError::new(GatewayErrorKind::Configuration, text)
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
