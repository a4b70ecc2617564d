//! The file of a socket: its place, its mode and its group.

use std::fs::{self, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::super::folder::local;
use crate::Error;

/// The table of groups, and the most of it that is read, in bytes.
const GROUPS: (&str, u64) = ("/etc/group", 1024 * 1024);

/// Listens at `path`, for this user alone (0600) or for a group too (0660).
pub(super) fn bind(path: &Path, group: Option<&str>) -> Result<UnixListener, Error> {
    let fail = |error: &dyn core::fmt::Display| local("listen on", path, error);
    let group = group
        .map(number)
        .transpose()
        .map_err(|error| fail(&error))?;
    // A socket that a crash has left is replaced. The caller holds the node's folder, so nobody else
    // serves it.
    if let Ok(found) = path.symlink_metadata()
        && !found.file_type().is_socket()
    {
        return Err(fail(&"something else has this name; move it away"));
    }
    // Under another name until mode and group are set, so that nobody comes in before.
    let draft = draft(path);
    let _ = fs::remove_file(&draft);
    let listener = UnixListener::bind(&draft).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => fail(&"the path is too long for a socket (about 100 bytes)"),
        _ => fail(&error),
    })?;
    let placed = || {
        let mode = if group.is_some() { 0o660 } else { 0o600 };
        if group.is_some() {
            chown(&draft, None, group)?;
        }
        fs::set_permissions(&draft, Permissions::from_mode(mode))?;
        fs::rename(&draft, path)
    };
    placed().map_err(|error: io::Error| {
        let _ = fs::remove_file(&draft);
        fail(&error)
    })?;
    Ok(listener)
}

fn draft(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    draft.into()
}

/// Returns the number of a group that is given by number or name.
fn number(group: &str) -> Result<u32, String> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let mut table = String::new();
    let (path, max) = GROUPS;
    let read = fs::File::open(path).and_then(|file| file.take(max).read_to_string(&mut table));
    read.map_err(|error| format!("cannot read {path}: {error}"))?;
    let unknown = || format!("receive_group names no group of {path}; a number is understood, too");
    find(&table, group).ok_or_else(unknown)
}

fn find(table: &str, group: &str) -> Option<u32> {
    let mut rows = table.lines().map(|row| row.split(':'));
    rows.find_map(|mut row| {
        let is_wanted = row.next() == Some(group);
        is_wanted.then(|| row.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_name_or_number() {
        let table = "root:x:0:\nl402:x:1234:me,you\nl402x:x:7:\nbroken\n";
        assert_eq!(find(table, "l402"), Some(1234));
        assert_eq!(find(table, "nobody"), None);
        assert_eq!(number("77"), Ok(77));
        assert!(number("no such group at all").is_err());
    }

    #[tokio::test]
    async fn a_socket_is_private_and_replaces_one_that_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receive.sock");
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        drop(bind(&path, None).unwrap());
        assert_eq!(mode(), 0o600);
        let own = own_group(folder.path());
        let listener = bind(&path, Some(&own)).unwrap();
        assert_eq!(mode(), 0o660);
        drop(listener);
        assert!(!draft(&path).exists());

        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(bind(&path, None).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
        let long = folder.path().join("l".repeat(200));
        let error = bind(&long, None).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }

    /// The group of a folder that this user has just made: one that the user is in.
    fn own_group(folder: &Path) -> String {
        use std::os::unix::fs::MetadataExt as _;
        folder.metadata().unwrap().gid().to_string()
    }
}
