//! The headers that let a page in a browser read an answer (CORS).

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderValue, VARY,
};

use crate::table::Route;

/// Lets a page of a listed origin read the answer (ATTACKS H-33). What the upstream says of its
/// own stays.
pub(crate) fn allow_origin(headers: &mut HeaderMap, route: &Route, origin: Option<&str>) {
    if route.cors_origins.is_empty() || headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        // Only what the route lists: always a header value.
        if let Ok(origin) = HeaderValue::from_str(origin) {
            headers.append(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        let exposed = HeaderValue::from_static("www-authenticate, retry-after");
        headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
