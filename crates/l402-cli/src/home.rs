//! The folder that holds all state of the program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use l402_host::{FileFault, named_path, private};

use crate::error::CliError;
use crate::exit_code;

/// The folder of all state, and a mark that is set if the user named it.
#[derive(Clone, Debug)]
pub(crate) struct HomeFolder {
    path: PathBuf,
    named: bool,
}

impl HomeFolder {
    /// Chooses the named folder, or `l402` in the platform's folder for data of programs. Creates
    /// nothing yet.
    ///
    /// # Errors
    /// If no folder is named and the user has no home directory.
    pub(crate) fn choose(named: Option<PathBuf>) -> Result<Self, CliError> {
        if let Some(path) = named {
            // A variable of the environment is not expanded by a shell.
            let path = named_path(Path::new(""), path);
            return Ok(Self { path, named: true });
        }
        let data = platform_data(std::env::home_dir(), |name| std::env::var_os(name));
        let data = data.ok_or_else(|| {
            CliError::new(
                exit_code::CONFIGURATION,
                "no_home",
                "there is no home directory",
            )
            .with_hint("name a folder for all state: --home DIR, or the variable L402_HOME")
        })?;
        Ok(Self {
            path: data.join("l402"),
            named: false,
        })
    }

    /// Returns the folder as it was chosen. It need not exist.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder, created with mode 0700 if it is missing, and narrowed to that if it holds
    /// the program's files alone.
    ///
    /// # Errors
    /// If the folder cannot be created, or others can write in it. The error names it.
    pub(crate) fn create(&self) -> Result<&Path, CliError> {
        private::create_home(&self.path).map_err(|error| {
            let (folder, fault) = (self.path.display(), error.fault());
            let error = match fault {
                FileFault::OpenToOthers { .. } => {
                    let text = format!("the folder {folder} cannot be used: {fault}");
                    CliError::new(exit_code::UNSAFE_FILE, "unsafe_file", text)
                }
                _ => CliError::local_io(format!("the folder {folder} cannot be created: {fault}")),
            };
            error.with_hint("name another folder: --home DIR, or the variable L402_HOME")
        })?;
        Ok(&self.path)
    }

    /// Returns the folder of the buyer's journal.
    ///
    /// # Errors
    /// As [`HomeFolder::create`].
    #[cfg(feature = "buy")]
    pub(crate) fn client(&self) -> Result<PathBuf, CliError> {
        Ok(self.create()?.join("client"))
    }

    /// Returns `--home DIR `, for a command that is to find the same state, or nothing if the default
    /// finds it.
    #[must_use]
    pub(crate) fn as_option(&self) -> String {
        if self.named {
            format!("--home {} ", self.path.display())
        } else {
            String::new()
        }
    }
}

/// Returns the folder in which programs of this platform keep their data.
fn platform_data(
    home: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let named = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    // `cfg!` and not `#[cfg]`, so that every branch is compiled on every platform.
    if cfg!(windows) {
        return named("APPDATA");
    }
    let home = home.filter(|path| path.is_absolute());
    if cfg!(target_os = "macos") {
        return Some(home?.join("Library/Application Support"));
    }
    // XDG Base Directory Specification: a relative path is ignored.
    named("XDG_DATA_HOME").or_else(|| Some(home?.join(".local/share")))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn data(home: &str, xdg: &str) -> Option<PathBuf> {
        let xdg = OsString::from(xdg);
        platform_data(Some(home.into()), |name| {
            (name == "XDG_DATA_HOME").then(|| xdg.clone())
        })
    }

    #[test]
    fn the_folder_for_data_is_that_of_the_desktop_specification() {
        assert_eq!(data("/home/u", ""), Some("/home/u/.local/share".into()));
        assert_eq!(
            data("/home/u", "relative"),
            Some("/home/u/.local/share".into())
        );
        assert_eq!(data("/home/u", "/data"), Some("/data".into()));
        assert_eq!(data("", ""), None);
    }
}
