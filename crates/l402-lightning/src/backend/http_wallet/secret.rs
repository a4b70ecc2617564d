//! A file with one secret in it.

use std::path::Path;

use zeroize::Zeroizing;

use crate::Error;
use crate::backend::named_file;

/// The maximum length of a file in KiB; far above every password and key.
const MAX_FILE: usize = 4;

/// Reads a secret of one line, without the white space around it. `what` names it in errors, and
/// `advice` says what belongs in the file.
pub(in crate::backend) fn read_secret(
    path: &Path,
    what: &str,
    advice: &str,
) -> Result<Zeroizing<String>, Error> {
    let bytes = named_file::read_secret(path, what, MAX_FILE)?;
    let text = str::from_utf8(bytes.trim_ascii()).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(named_file::unreadable(path, what, advice));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn one_line_is_read_and_anything_else_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_secret(&path, "the key", "write the key alone into it")
        };
        assert_eq!(read(b" abc123\r\n").unwrap().as_str(), "abc123");
        for wrong in [
            &b""[..],
            b" \n",
            b"key=a\nkey=b",
            b"a b",
            b"\xffabc",
            &[b'a'; 5000],
        ] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Local, "{error}");
            assert!(!error.to_string().contains("abc"), "{error}");
        }
        let missing = read_secret(&folder.path().join("no"), "the key", "").unwrap_err();
        assert!(missing.to_string().contains("no:"), "{missing}");
    }
}
