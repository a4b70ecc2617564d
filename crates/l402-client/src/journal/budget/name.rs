//! Names of budgets.

use std::fmt;
use std::str::FromStr;

/// The name of a budget: 1 to 32 of the characters `a-z`, `0-9` and `-`, the first of them not `-`.
/// `none` is no name, since it stands for the absence of one.
///
/// ```
/// use l402_client::BudgetName;
///
/// let name: BudgetName = "research".parse()?;
/// assert_eq!(name.as_str(), "research");
/// assert_eq!(BudgetName::default().as_str(), "default");
/// # Ok::<(), l402_client::BudgetNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetName(String);

/// The error of a text that is no name of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetNameError;

/// The budget of a payment for which none is named.
const DEFAULT: &str = "default";

impl BudgetName {
    /// The longest name, in bytes.
    pub const MAX: usize = 32;

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true for `default`, which exists without being stored.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }

    /// Returns the name as the column `purchase.budget` holds it: `NULL` is `default`.
    pub(in crate::journal) fn column(&self) -> Option<&str> {
        (!self.is_default()).then_some(&self.0)
    }
}

/// The budget `default`.
impl Default for BudgetName {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl fmt::Display for BudgetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BudgetNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no name of a budget; write 1 to 32 of the characters a-z, 0-9 and -, no - at the \
             beginning, and another word than none",
        )
    }
}

impl std::error::Error for BudgetNameError {}

impl FromStr for BudgetName {
    type Err = BudgetNameError;

    fn from_str(text: &str) -> Result<Self, BudgetNameError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        // A first `-` would be read as a flag.
        if fits && !text.starts_with('-') && text != "none" {
            Ok(Self(text.to_owned()))
        } else {
            Err(BudgetNameError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["default", "a", "0", "agent-7", &"a".repeat(32)] {
            assert_eq!(name.parse::<BudgetName>().unwrap().as_str(), name);
        }
        for bad in [
            "",
            "-a",
            "A",
            "a b",
            "a/b",
            "none",
            "ä",
            "a\0",
            &"a".repeat(33),
        ] {
            assert_eq!(bad.parse::<BudgetName>(), Err(BudgetNameError), "{bad}");
        }
    }
}
