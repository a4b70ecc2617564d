//! A purchase found by the first digits of its payment hash.

use l402_client::{Entry, Journal};

use crate::error::CliError;

/// The fewest digits that name a purchase.
const MIN_DIGITS: usize = 4;

/// The digits of an id that are shown: two purchases with the same ones are not met in practice.
pub(super) const SHOWN_DIGITS: usize = 12;

/// Reads an id: the first digits of a payment hash, or all of them.
///
/// # Errors
/// A text that says what an id is.
pub(crate) fn id(text: &str) -> Result<String, String> {
    let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex && (MIN_DIGITS..=64).contains(&text.len()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!(
            "an id is {MIN_DIGITS} to 64 hexadecimal digits: the beginning of a payment hash"
        ))
    }
}

/// Returns the one purchase whose payment hash begins with these digits.
///
/// # Errors
/// If there is none, or there are several.
pub(crate) fn find(journal: &Journal, digits: &str) -> Result<Entry, CliError> {
    let mut found = journal.beginning_with(digits, 2)?;
    match (found.pop(), found.pop()) {
        (Some(only), None) => Ok(only),
        (Some(one), Some(other)) => {
            let text = format!(
                "{digits} is the beginning of several payments: {}, {}",
                other.payment_hash, one.payment_hash
            );
            Err(CliError::usage(text).with_hint("give more digits"))
        }
        _ => Err(
            CliError::usage(format!("no payment begins with {digits}")).with_hint(
                "`l402 payments` lists the payments, `l402 tokens list` those with a token",
            ),
        ),
    }
}

/// Returns the digits by which a purchase is shown.
pub(super) fn short(hash: &l402::PaymentHash) -> String {
    hash.to_string().chars().take(SHOWN_DIGITS).collect()
}
