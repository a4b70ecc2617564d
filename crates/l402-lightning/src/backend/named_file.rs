//! A file that the written form of a node names: a credential, or a certificate.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use l402_host::{named_path, private};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// Reads a file with a secret, as [`read`] does, and warns if other users can read it.
///
/// A warning and no refusal, unlike for the program's own files: the file is the user's, and nodes
/// themselves write macaroons with mode 0644.
pub(super) fn read_secret(
    path: &Path,
    what: &str,
    kib: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = read(path, what, kib)?;
    if let Some(warning) = exposure(path, what) {
        tracing::warn!(target: "l402_lightning::files", "{warning}");
    }
    Ok(bytes)
}

/// Returns the warning about a secret that other users can read.
fn exposure(path: &Path, what: &str) -> Option<String> {
    let path = named_path(Path::new(""), path);
    let mode = private::read_by_others(&path.metadata().ok()?)?;
    let path = path.display();
    Some(format!(
        "other users of this machine can read {what} {path} (mode {mode:03o}); `chmod 600 {path}` \
         keeps it from them"
    ))
}

/// Reads a file of at most `kib` KiB. `what` names it in errors: "the certificate".
///
/// # Errors
/// `Local`, with the path and nothing of the contents.
pub(super) fn read(path: &Path, what: &str, kib: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let max = kib.saturating_mul(1024);
    let wrong = |text: &str| unreadable(path, what, text);
    // Room for all of it: growing would leave copies of a secret behind in memory. One byte beyond
    // the limit tells a longer file, and a device without end is not read on.
    let room = max.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    // From the command line and the environment, `~` comes here as it was written.
    let length = File::open(named_path(Path::new(""), path))
        .and_then(|file| file.take(room as u64).read_to_end(&mut bytes))
        .map_err(|error| wrong(&error.to_string()))?;
    if length > max {
        return Err(wrong(&format!("it is over {kib} KiB")));
    }
    Ok(bytes)
}

/// Returns the error of a file that cannot be read, or that holds something else.
pub(super) fn unreadable(path: &Path, what: &str, text: &str) -> Error {
    let text = format!("cannot read {what} {}: {text}", path.display());
    Error::new(ErrorKind::Local, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_named_with_what_to_do() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.macaroon");
        std::fs::write(&path, "secret").unwrap();
        for (mode, warns) in [
            (0o600, false),
            (0o400, false),
            (0o700, false),
            (0o644, true),
            (0o640, true),
            (0o604, true),
        ] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, mode.clone()).unwrap();
            let warning = exposure(&path, "the macaroon");
            assert_eq!(warning.is_some(), warns, "{mode:?}");
            if let Some(text) = warning {
                let fix = format!("chmod 600 {}", path.display());
                assert!(text.contains(&fix) && !text.contains("secret"), "{text}");
            }
            // Read all the same.
            assert_eq!(read_secret(&path, "the macaroon", 1).unwrap().len(), 6);
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_a_longer_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (length, is_read) in [(0, true), (1024, true), (1025, false)] {
            std::fs::write(&path, vec![b'a'; length]).unwrap();
            match read(&path, "the key", 1) {
                Ok(bytes) => assert!(is_read && bytes.len() == length),
                Err(error) => {
                    assert!(!is_read, "{error}");
                    assert!(
                        error.to_string().ends_with("secret: it is over 1 KiB"),
                        "{error}"
                    );
                }
            }
        }
        // Without an end.
        assert!(read(Path::new("/dev/zero"), "the key", 1).is_err());
        let missing = read(&folder.path().join("no"), "the key", 1).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Local);
        assert!(missing.to_string().contains("no:"), "{missing}");
    }
}
