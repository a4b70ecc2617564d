//! The file, from its bytes to the settings.

use std::io;
use std::path::Path;

use l402_host::{FileFault, private};
use toml::de::DeTable;

use super::document::{Mistake, entries, table, tables};
use super::section;
use super::settings::{ClientConfig, FILE};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

impl ClientConfig {
    /// Reads `client.toml` of the home folder. Without that file, every setting has its default.
    ///
    /// # Errors
    /// If others can read or write the file, it cannot be read, or it holds a mistake: the error
    /// names the file and the line.
    pub(crate) fn read(context: &Context) -> Result<Self, CliError> {
        let path = context.home.path().join(FILE);
        let bytes = match private::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if is_missing(error.fault()) => return Ok(Self::default()),
            Err(error) => {
                let (exit, code) = exit_code::of_file(error.fault());
                return Err(CliError::new(exit, code, error.to_string()));
            }
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| mistaken(&path, 1, "the file is not text in UTF-8"))?;
        Self::parse(text).map_err(|mistake| {
            let line = text.get(..mistake.at).unwrap_or_default();
            mistaken(&path, line.matches('\n').count() + 1, &mistake.text)
        })
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        let document = DeTable::parse(text).map_err(|error| Mistake {
            at: error.span().unwrap_or_default().start,
            // The parser names what it expected, and repeats no value.
            text: error.message().lines().collect::<Vec<_>>().join("; "),
        })?;
        let mut config = Self::default();
        for (key, value) in entries(document.get_ref()) {
            match key.name {
                "limits" => config.limits = section::limits(table(&key, value)?)?,
                "hook" => config.hook = Some(section::hook(&key, table(&key, value)?)?),
                "vault" => config.vault = section::vault(table(&key, value)?)?,
                "mcp" => config.mcp = section::mcp(table(&key, value)?)?,
                "registries" => config.registries = section::registries(tables(&key, value)?)?,
                _ => return Err(key.unknown("limits, hook, vault, mcp, registries")),
            }
        }
        Ok(config)
    }
}

fn is_missing(fault: &FileFault) -> bool {
    matches!(fault, FileFault::System(error) if error.kind() == io::ErrorKind::NotFound)
}

fn mistaken(path: &Path, line: usize, text: &str) -> CliError {
    let text = format!("{}:{line}: {text}", path.display());
    CliError::new(exit_code::CONFIGURATION, "configuration", text)
        .with_hint("docs/examples/client.toml shows every key; without the file nothing is set")
}
