//! The numbers of the writers.

use std::path::Path;

use super::BooksError;

/// Returns the number of a new writer: 63 random bits, so that no two are the same.
///
/// # Errors
/// If the system has no random numbers.
pub(super) fn new_writer(place: &Path) -> Result<i64, BooksError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| BooksError::other(place, &error))?;
    Ok(i64::from_le_bytes(bytes) & i64::MAX)
}
