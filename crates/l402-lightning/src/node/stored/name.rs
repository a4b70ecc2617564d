//! The name of a stored wallet.

use core::fmt;
use core::str::FromStr;

use crate::node::NodeForm;

/// The name of a stored wallet or node: 1 to 32 of the characters `a-z`, `0-9` and `-`, and none of
/// the words that mean a kind of node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletName(String);

/// The error of a text that is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WalletNameError {
    /// It is empty, too long, or holds another character.
    Characters,
    /// It means something else already: a kind of node, or the index.
    Reserved,
}

/// The name of the file with the order of preference.
const INDEX: &str = "index";

impl WalletName {
    /// The longest name, in bytes.
    pub const MAX: usize = 32;

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the row of the table whose kind this word is or begins: `lnbits` for `lnbits+https`.
pub(crate) fn kind_of(word: &str) -> Option<NodeForm> {
    let is_kind = |form: &NodeForm| form.kind.split('+').next() == Some(word);
    NodeForm::ALL.into_iter().find(is_kind)
}

impl FromStr for WalletName {
    type Err = WalletNameError;

    fn from_str(text: &str) -> Result<Self, WalletNameError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        // A first `-` would be read as a flag.
        if !fits || text.starts_with('-') {
            return Err(WalletNameError::Characters);
        }
        if text == INDEX || kind_of(text).is_some() {
            return Err(WalletNameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for WalletName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for WalletNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Characters => "a name is 1 to 32 of the characters a-z, 0-9 and -",
            Self::Reserved => "this word means a kind of wallet, so it cannot be a name",
        })
    }
}

impl std::error::Error for WalletNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_short_plain_word() {
        let long = "a".repeat(32);
        for good in ["a", "main", "alby-2", "7", &long, "sandbox2"] {
            assert_eq!(good.parse::<WalletName>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(33);
        for bad in ["", "A", "a b", "a.b", "../a", "-a", "a/b", "ä", &too_long] {
            let error = bad.parse::<WalletName>().unwrap_err();
            assert_eq!(error, WalletNameError::Characters, "{bad}");
        }
    }

    #[test]
    fn a_kind_is_no_name() {
        for form in NodeForm::ALL {
            let word = form.kind.split('+').next().unwrap();
            let error = word.parse::<WalletName>().unwrap_err();
            assert_eq!(error, WalletNameError::Reserved, "{word}");
        }
        assert!("index".parse::<WalletName>().is_err());
    }
}
