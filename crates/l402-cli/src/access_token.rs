//! The token that programs show to a listener of ours that spends.

use std::fmt;
use std::path::Path;

use l402_host::{FileError, private};
use subtle::ConstantTimeEq as _;

use crate::error::CliError;
use crate::exit_code;

/// The least length of a token, in bytes.
const LENGTH_MIN: usize = 16;

/// The content of a token file. Never shown.
pub(crate) struct AccessToken(Vec<u8>);

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

impl AccessToken {
    /// Reads the token of a file, and makes a random one first if the file is missing. Returns true
    /// with it if this call made it. `name` begins each error.
    ///
    /// # Errors
    /// If the file cannot be read or made, is open to others, or holds no token of 16 visible characters.
    pub(crate) fn of_file(path: &Path, name: &str) -> Result<(Self, bool), CliError> {
        let is_new = !path.exists();
        let failed = |error: FileError| {
            let (exit, code) = exit_code::of_file(error.fault());
            CliError::new(exit, code, format!("{name}: {error}"))
        };
        private::create_hex_key(path).map_err(failed)?;
        let bytes = private::read(path).map_err(failed)?;
        let token = bytes.trim_ascii().to_vec();
        if token.len() >= LENGTH_MIN && token.iter().all(u8::is_ascii_graphic) {
            return Ok((Self(token), is_new));
        }
        let text = format!(
            "{name}: {} holds no token of at least {LENGTH_MIN} visible characters",
            path.display()
        );
        let error = CliError::new(exit_code::CONFIGURATION, "configuration", text);
        Err(error.with_hint("remove the file: a new one is made with a random token"))
    }

    /// Returns true if this token was shown. Takes the same time for every text of its length.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        shown.ct_eq(&self.0).into()
    }

    /// Returns a token for tests.
    #[cfg(test)]
    pub(crate) fn for_tests(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}
