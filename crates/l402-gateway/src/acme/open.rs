//! The begin of certificates by themselves: the files, and what the authority is reached with.

use std::path::Path;

use super::http::Http;
use super::keep::Keeper;
use super::order::Orders;
use super::store::Store;
use crate::config::AcmeSettings;
use crate::{GatewayError, GatewayErrorKind};

/// Opens the files, and reads what the authority is reached with. Asks nobody.
///
/// # Errors
/// The folder cannot be made, or `tls.acme.ca` cannot be used.
pub(crate) fn open(home: &Path, settings: &AcmeSettings) -> Result<Keeper, GatewayError> {
    let failed = |text: String| GatewayError::new(GatewayErrorKind::Certificate, text);
    let store = Store::open(home, settings)
        .map_err(|error| failed(format!("cannot keep certificates: {error}")).with_source(error))?;
    Ok(Keeper::new(store, orders(settings)?))
}

/// Reads the files that orders need, as a start would.
///
/// # Errors
/// `tls.acme.ca` cannot be used.
pub(crate) fn check(settings: &AcmeSettings) -> Result<(), GatewayError> {
    orders(settings).map(drop)
}

fn orders(settings: &AcmeSettings) -> Result<Orders, GatewayError> {
    let http = Http::new(settings.ca.as_deref())?;
    Ok(Orders::new(settings.clone(), http))
}
