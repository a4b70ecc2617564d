//! The files, and their addresses.

use std::sync::LazyLock;

use axum::body::Body;
use http::Response;
use sha2::{Digest, Sha256};

use crate::page::answer;

/// A file with its path and an address that changes with the file.
pub(crate) struct File {
    /// The path of the router.
    pub(crate) path: &'static str,
    /// The path with a hash of the file.
    pub(crate) href: String,
    content_type: &'static str,
    text: &'static str,
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

/// The style sheet.
pub(crate) static STYLE: LazyLock<File> = LazyLock::new(|| {
    File::new(
        "/static/page.css",
        "text/css; charset=utf-8",
        include_str!("page.css"),
    )
});

/// The script: buttons that copy. The page does without.
pub(crate) static SCRIPT: LazyLock<File> = LazyLock::new(|| {
    File::new(
        "/static/page.js",
        "text/javascript; charset=utf-8",
        include_str!("page.js"),
    )
});

/// The icon.
pub(crate) static ICON: LazyLock<File> = LazyLock::new(|| {
    File::new(
        "/static/icon.svg",
        "image/svg+xml",
        include_str!("icon.svg"),
    )
});

/// Answers with a file.
pub(crate) fn answer(file: &'static File) -> Response<Body> {
    answer::file(file.content_type, file.text)
}
