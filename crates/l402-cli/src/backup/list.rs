//! The list of files, which stands first in a backup.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The name of the list in the archive.
pub(super) const NAME: &str = "l402-backup.json";

/// The version of the form of a backup.
const FORMAT: u64 = 1;

/// The largest list that is read, in bytes: a hundred thousand files.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// The files of a backup by their path, which begins at the home.
pub(super) type Files = BTreeMap<String, File>;

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) size: u64,
    /// SHA-256, 64 hexadecimal digits.
    pub(super) sha256: String,
}

/// Writes the list. `made` is RFC 3339.
pub(super) fn write(files: &Files, made: &str) -> Vec<u8> {
    let files: Vec<Value> = files
        .iter()
        .map(|(path, file)| json!({"path": path, "size": file.size, "sha256": file.sha256}))
        .collect();
    let list = json!({
        "what": "a backup of l402; it holds secrets",
        "format": FORMAT,
        "version": env!("CARGO_PKG_VERSION"),
        "made": made,
        "files": files,
    });
    list.to_string().into_bytes()
}

/// Reads the list, and the time at which the backup was made.
///
/// # Errors
/// The sentence that says why it is none.
pub(super) fn read(bytes: &[u8]) -> Result<(Files, String), &'static str> {
    let damaged = "the list of its files is damaged";
    let list: Value = serde_json::from_slice(bytes).map_err(|_| damaged)?;
    match list["format"].as_u64() {
        Some(FORMAT) => {}
        Some(_) => return Err("a newer version of this program made it; upgrade"),
        None => return Err(damaged),
    }
    let made = list["made"].as_str().ok_or(damaged)?.to_owned();
    // Every name is looked at before a single file is written.
    let mut files = Files::new();
    for file in list["files"].as_array().ok_or(damaged)? {
        let (path, file) = read_file(file).ok_or(damaged)?;
        if !stays_inside(&path) {
            return Err("it names a file outside the home");
        }
        if files.insert(path, file).is_some() {
            return Err("it names a file twice");
        }
    }
    Ok((files, made))
}

fn read_file(value: &Value) -> Option<(String, File)> {
    let sha256 = value["sha256"].as_str()?;
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let file = File {
        size: value["size"].as_u64()?,
        sha256: sha256.to_ascii_lowercase(),
    };
    is_hash.then(|| Some((value["path"].as_str()?.to_owned(), file)))?
}

/// Returns true if a path leads to a file below the folder that it begins at, on any system, and is the
/// only way to write it.
fn stays_inside(path: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    !path.contains(['\\', ':', '\0']) && path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(path: &str) -> Result<(Files, String), &'static str> {
        let sha256 = "0a".repeat(32);
        let files = Files::from([(path.to_owned(), File { size: 1, sha256 })]);
        read(&write(&files, "2026-11-30T12:00:00Z"))
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_names_no_file_outside() {
        for path in ["master.key", "client/client.db", "wallets/a b.toml"] {
            assert!(listed(path).unwrap().0.contains_key(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/",
            "./x",
            "a/./b",
            "a//b",
            "a/.",
            "C:\\x",
            "a\\..\\x",
            "a\0b",
            "..",
        ] {
            assert!(listed(path).is_err(), "{path:?}");
        }
        assert!(read(b"{}").is_err());
        assert!(read(br#"{"format":2}"#).unwrap_err().contains("newer"));
    }
}
