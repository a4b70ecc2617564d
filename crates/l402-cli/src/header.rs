//! Headers by which a listener of ours tells programs from pages in a browser.

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

/// The header in which a browser says which page asks. A page cannot choose it.
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns the value of a header that stands there once. One that stands there twice can be read in two
/// ways, and counts as none.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
