//! The table `[ledger]`: where uses are counted.

use std::path::Path;

use l402_host::{PostgresUrl, named_path, private};

use super::section::Section;

/// The store of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum LedgerPlace {
    /// Files in the home folder.
    #[default]
    Home,
    /// A database, which several gateways may share.
    Postgres(PostgresUrl),
}

/// Reads the table. Relative paths start at `folder`.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> LedgerPlace {
    let Some(section) = root.table("ledger") else {
        return LedgerPlace::Home;
    };
    let url: Option<PostgresUrl> = section.parsed("url");
    let file = section.text("password_file");
    let url = match (url, file) {
        (Some(url), Some(file)) => with_password(&section, &url, &named_path(folder, file)),
        (None, Some(_)) if !section.has("url") => {
            section.wrong("url", "missing; password_file is the password of its user");
            None
        }
        (url, _) => url,
    };
    section.finish();
    url.map_or(LedgerPlace::Home, LedgerPlace::Postgres)
}

/// Returns the address with the password in the file; `None` if there is a mistake, which has been noted.
fn with_password(section: &Section<'_, '_>, url: &PostgresUrl, file: &Path) -> Option<PostgresUrl> {
    if url.has_password() {
        section.wrong(
            "password_file",
            "stands beside a password in url; keep one of them",
        );
        return None;
    }
    // Files that orchestrators mount belong to root or to a group, and are links: the rule of TLS keys.
    let read = private::read_tls_key(file);
    let read = read.map_err(|error| section.wrong("password_file", error.to_string()));
    let password = read.ok()?.trim_ascii_end().to_vec();
    if password.is_empty() {
        section.wrong("password_file", format!("{} is empty", file.display()));
        return None;
    }
    Some(url.with_password(&password))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::Config;

    /// Reads a table whose password lies in a file of this mode.
    fn read_with(url: &str, password: &str, mode: u32) -> Result<LedgerPlace, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, password).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let text = format!(
            "[ledger]\nurl = \"{url}\"\npassword_file = \"{}\"\n[[route]]\npath = \"/\"\n\
             upstream = \"http://127.0.0.1:1\"\nfree = true\n",
            file.display()
        );
        let read = Config::from_toml(&text, "l402.toml");
        read.map(|config| config.fixed.ledger)
            .map_err(|mistakes| format!("{mistakes:?}"))
    }

    #[test]
    fn a_password_comes_from_a_file_and_is_shown_nowhere() {
        let url = "postgres://l402@db.example/l402";
        for mode in [0o600, 0o440] {
            let place = read_with(url, "s3cret\n", mode).unwrap();
            assert!(!format!("{place:?}").contains("s3cret"));
            let LedgerPlace::Postgres(read) = place else {
                panic!("{place:?}");
            };
            assert_eq!(
                read,
                url.parse::<PostgresUrl>().unwrap().with_password(b"s3cret")
            );
        }
    }

    #[test]
    fn a_password_that_everybody_reads_or_that_is_not_there_is_refused() {
        let url = "postgres://l402@db.example/l402";
        for (url, password, mode, why) in [
            (url, "s3cret", 0o604, "chmod"),
            (url, "\n", 0o600, "is empty"),
            ("postgres://l402:x@db/l402", "s3cret", 0o600, "keep one"),
        ] {
            let mistakes = read_with(url, password, mode).unwrap_err();
            assert!(
                mistakes.contains(why) && mistakes.contains("password_file"),
                "{mistakes}"
            );
            assert!(!mistakes.contains("s3cret"), "{mistakes}");
        }
    }
}
