//! A file with an address that changes with it.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file with an address that changes with it.
pub(in crate::admin::page) struct File {
    /// The path without the hash.
    pub(in crate::admin::page) path: &'static str,
    /// The path with a hash of the file.
    pub(in crate::admin::page) href: String,
    pub(in crate::admin::page) content_type: &'static str,
    pub(in crate::admin::page) text: &'static str,
}

impl File {
    fn new(path: &'static str, content_type: &'static str, text: &'static str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        Self {
            path,
            href: format!("{path}?{}", hex::encode(&digest[..6])),
            content_type,
            text,
        }
    }
}

/// The files: style sheet, script, icon.
pub(in crate::admin::page) static FILES: LazyLock<[File; 3]> = LazyLock::new(|| {
    let script = "text/javascript; charset=utf-8";
    [
        File::new(
            "/static/page.css",
            "text/css; charset=utf-8",
            include_str!("page.css"),
        ),
        File::new("/static/page.js", script, include_str!("page.js")),
        File::new(
            "/static/icon.svg",
            "image/svg+xml",
            include_str!("icon.svg"),
        ),
    ]
});

/// Returns the file at a path.
pub(in crate::admin::page) fn at(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}
