//! Paths as people write them.

use std::path::{Path, PathBuf};

/// Returns the path that a text names: one that begins with `~/` is in the user's home directory, and
/// a relative one starts at `base`, the folder of the file that names it (empty for the current
/// folder). `~` stays as it is if the user has no home directory, and `~name` always does.
///
/// ```
/// use std::path::Path;
///
/// use l402_host::named_path;
///
/// let base = Path::new("/etc/l402");
/// assert_eq!(named_path(base, "cert.pem"), Path::new("/etc/l402/cert.pem"));
/// assert_eq!(named_path(base, "/srv/cert.pem"), Path::new("/srv/cert.pem"));
/// assert!(named_path(base, "~/cert.pem").ends_with("cert.pem"));
/// ```
#[must_use]
pub fn named_path(base: &Path, text: impl AsRef<Path>) -> PathBuf {
    expanded(base, text.as_ref(), std::env::home_dir())
}

fn expanded(base: &Path, text: &Path, home: Option<PathBuf>) -> PathBuf {
    let home = home.filter(|home| home.is_absolute());
    match (text.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => base.join(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FAULTS T13: one base, and `~`. Also: `~` alone, another user's, and no home directory.
    #[test]
    fn a_tilde_is_the_home_directory_and_the_rest_starts_at_the_base() {
        let at = |base: &str, text: &str, home: &str| {
            expanded(Path::new(base), Path::new(text), Some(home.into()))
        };
        for (text, path) in [
            ("a.pem", "/etc/a.pem"),
            ("../a.pem", "/etc/../a.pem"),
            ("/srv/a.pem", "/srv/a.pem"),
            ("~/lnd/tls.cert", "/home/u/lnd/tls.cert"),
            ("~", "/home/u"),
            ("~root/a.pem", "/etc/~root/a.pem"),
            ("a/~/b", "/etc/a/~/b"),
        ] {
            assert_eq!(at("/etc", text, "/home/u"), Path::new(path), "{text}");
        }
        assert_eq!(at("/etc", "~/a", "relative"), Path::new("/etc/~/a"));
        assert_eq!(at("", "a", "/home/u"), Path::new("a"));
    }
}
