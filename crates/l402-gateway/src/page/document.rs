//! A written page, and the headers that belong to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{
    CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest as _, Sha256};

use super::language::Language;

/// A written page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) html: String,
    pub(super) policy: String,
    pub(super) language: Language,
}

impl Page {
    /// Puts the headers of the page beside those of a refusal, and returns the body.
    pub(crate) fn into_body(self, headers: &mut HeaderMap) -> Bytes {
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(CONTENT_TYPE, kind);
        headers.remove(CONTENT_LENGTH);
        let language = HeaderValue::from_static(self.language.tag());
        headers.insert(CONTENT_LANGUAGE, language);
        // Hashes in base64 and words of this crate.
        if let Ok(policy) = HeaderValue::from_str(&self.policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // With `no-referrer` a browser would send the form of the page with `Origin: null`.
        let referrer = HeaderValue::from_static("same-origin");
        headers.insert(REFERRER_POLICY, referrer);
        self.html.into()
    }
}

/// Says that the answer depends on what the client prefers and on what it has paid for.
pub(crate) fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("accept, cookie"));
}

/// Returns the rules for the browser: these styles and scripts, and nothing from anywhere.
pub(super) fn policy(styles: &[String], scripts: &[String]) -> String {
    let (styles, scripts) = (sources(styles), sources(scripts));
    format!(
        "default-src 'none'; style-src {styles}; script-src {scripts}; img-src data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Returns the hashes of blocks.
fn sources(blocks: &[String]) -> String {
    let hashes = blocks.iter().map(|block| {
        let hash = STANDARD.encode(Sha256::digest(block));
        format!("'sha256-{hash}'")
    });
    let hashes = hashes.collect::<Vec<_>>();
    if hashes.is_empty() {
        return "'none'".to_owned();
    }
    hashes.join(" ")
}
