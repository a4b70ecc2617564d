//! The part of the program that the listener for operators needs.

use core::fmt;
use std::path::Path;

use crate::{ConfigError, Gateway, GatewayError, Overrides, Reloaded};

/// The program around a gateway: what it alone knows and can do.
///
/// All methods may block for a moment, and are called from a thread that may.
pub trait Program: Send + Sync + 'static {
    /// The configuration file, with the settings of the command line that win over it. `None` if the
    /// command line says it all: then no setting can be changed while the gateway runs.
    fn file(&self) -> Option<(&Path, &Overrides)>;

    /// Reads the file again and hands it to the gateway. One call at a time works, others wait.
    ///
    /// # Errors
    /// [`NotReloaded`] if nothing has changed.
    fn reload(&self, gateway: &Gateway) -> Result<Reloaded, NotReloaded>;

    /// Ends the program as a signal does: requests under way may end. Returns at once.
    fn stop(&self);
}

/// The reason why a reload changed nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotReloaded {
    /// There is no file: the command line says it all.
    NoFile,
    /// The file has mistakes: all of them.
    Mistakes(Vec<ConfigError>),
    /// The gateway cannot serve what the file says.
    Refused(GatewayError),
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str(
                "there is no file to read again: the gateway was started from the command line",
            ),
            Self::Mistakes(mistakes) => {
                let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotReloaded {}
