//! The section `[log]`.

use std::path::{Path, PathBuf};

use l402_host::named_path;

use super::route::choice;
use super::section::Section;

/// The access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub(crate) access: LogAccess,
    pub(crate) format: LogFormat,
    /// `None` for stderr.
    pub(crate) file: Option<PathBuf>,
    /// True if each line names the address of the client.
    pub(crate) peer: bool,
}

/// The requests that leave a line. By default [`LogAccess::Sales`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogAccess {
    All,
    Off,
    /// Those with a genuine credential, served or refused.
    #[default]
    Sales,
}

/// The form of a line. By default [`LogFormat::Text`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    #[default]
    Text,
}

/// Reads the section, with a relative path from `folder`.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> LogSettings {
    let Some(section) = root.table("log") else {
        return LogSettings::default();
    };
    // The first choice is the default.
    let access = [
        ("sales", LogAccess::Sales),
        ("all", LogAccess::All),
        ("off", LogAccess::Off),
    ];
    let format = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let settings = LogSettings {
        access: choice(&section, "access", &access),
        format: choice(&section, "format", &format),
        file: section.text("file").map(|file| named_path(folder, file)),
        peer: section.flag("peer", false),
    };
    section.finish();
    settings
}
