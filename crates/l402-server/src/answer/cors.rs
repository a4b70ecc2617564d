//! The headers that let a page in a browser read an answer (CORS).

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderValue, VARY,
};

use crate::table::Route;

/// Lets a page of a listed origin read the answer (ATTACKS H-33). CORS headers of the upstream's
/// own are kept.
pub(crate) fn allow_origin(headers: &mut HeaderMap, route: &Route, origin: Option<&str>) {
    if route.cors_origins.is_empty() || headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    // Also without an origin: a cached answer would lack the header for the next page.
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        // The text comes from the route, which a program may fill with anything.
        if let Ok(origin) = HeaderValue::from_str(origin) {
            headers.append(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        // A page cannot read these without leave. It could not pay, or tell if its use is spent.
        let exposed = HeaderValue::from_static(
            "www-authenticate, retry-after, l402-use, l402-uses-left, l402-expires, \
             l402-credential",
        );
        headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
