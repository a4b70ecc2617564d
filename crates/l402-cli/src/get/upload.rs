//! The upload of `-T`: a file or stdin, and the name that a URL gets from it.

use std::path::Path;

use l402_client::Body;
use url::Url;

use super::body::Chain;
use super::data::Change;
use super::escaped::path_segment;
use crate::error::CliError;

/// Returns true for the names that curl has for stdin: `-`, and `.`, which does not wait for it.
pub(super) fn is_stdin(file: &str) -> bool {
    matches!(file, "-" | ".")
}

/// Opens the file. It is read when the request is sent, and need not fit into memory.
pub(super) fn body(file: &str) -> Result<Body, CliError> {
    let mut chain = Chain::new();
    chain.file(if is_stdin(file) { "-" } else { file }, Change::Nothing)?;
    Ok(chain.body())
}

/// Adds the name of the file to a URL whose path ends with `/`. What stands at stdin has none.
pub(super) fn add_name(url: &mut Url, file: &str) {
    let name = Path::new(file).file_name().filter(|_| !is_stdin(file));
    if let Some(name) = name.filter(|_| url.path().ends_with('/')) {
        let path = format!("{}{}", url.path(), path_segment(&name.to_string_lossy()));
        url.set_path(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_ends_with_a_slash_gets_the_name() {
        for (url, file, whole) in [
            ("http://a", "d/x y.txt", "http://a/x%20y.txt"),
            ("http://a/b/?q=1", "x", "http://a/b/x?q=1"),
            ("http://a/b", "x", "http://a/b"),
            ("http://a/b/", "-", "http://a/b/"),
        ] {
            let mut named = url.parse().unwrap();
            add_name(&mut named, file);
            assert_eq!(named.as_str(), whole);
        }
    }
}
