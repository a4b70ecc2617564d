//! Addresses in an answer, translated as those of requests are, the other way.
//!
//! An upstream knows itself by its own address, and its paths without the route's prefix. So a
//! redirect that it makes would lead a client to an address inside, or out of the route.

use std::borrow::Cow;

use http::header::{
    CONTENT_LOCATION, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, REFRESH, SET_COOKIE,
};

use crate::config::UpstreamUrl;
use crate::table::RouteTarget;

/// The headers with addresses.
const NAMES: [HeaderName; 5] = [LOCATION, CONTENT_LOCATION, LINK, REFRESH, SET_COOKIE];

/// Translates the addresses of the upstream in the headers of its answer: `Location`,
/// `Content-Location`, the targets of `Link` and `Refresh`, and the paths of cookies. The public
/// address is written as a path alone, since only the client knows by which name it came here.
/// Addresses of other servers stay as they are.
pub(crate) fn translate(headers: &mut HeaderMap, target: &RouteTarget) {
    // Nearly every answer has none of them, and is done here.
    if !headers.keys().any(|name| NAMES.contains(name)) {
        return;
    }
    for (name, value) in headers.iter_mut() {
        let change = match name {
            name if *name == LOCATION || *name == CONTENT_LOCATION => address,
            name if *name == LINK => link,
            name if *name == REFRESH => refresh,
            name if *name == SET_COOKIE => cookie,
            _ => continue,
        };
        let changed = value.to_str().ok().and_then(|text| change(text, target));
        if let Some(changed) = changed.and_then(|text| HeaderValue::from_str(&text).ok()) {
            *value = changed;
        }
    }
}

/// Returns an address of the upstream as a client has to ask for it. `None` if it stays as it is.
fn address(text: &str, target: &RouteTarget) -> Option<String> {
    let local = match split_authority(text) {
        Some((scheme, authority, local)) => {
            let own = target.upstreams.first().http_scheme();
            let scheme = if scheme.is_empty() {
                own.as_str()
            } else {
                scheme
            };
            let url = format!("{}://{authority}", scheme.to_ascii_lowercase());
            let url: UpstreamUrl = url.parse().ok()?;
            // One of them may name another that serves the same.
            let mut own = target.upstreams.all();
            own.any(|upstream| upstream.server() == url.server())
                .then_some(local)?
        }
        // Relative to the path that was asked for, which changed at its front only.
        None if !text.starts_with('/') => return None,
        None => text,
    };
    let path_end = local.find(['?', '#']).unwrap_or(local.len());
    let (path, tail) = local.split_at(path_end);
    let path = if path.is_empty() { "/" } else { path };
    let public = target
        .public_path(path)
        .map_or(Cow::Borrowed(path), Cow::Owned);
    // Two slashes at the front would begin the name of a server.
    let dot = if public.starts_with("//") { "/." } else { "" };
    Some(format!("{dot}{public}{tail}"))
}

/// Splits `http://host/path` and `//host/path`. `None` for an address without a host.
fn split_authority(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = match text.strip_prefix("//") {
        Some(rest) => ("", rest),
        None => text.split_once("://")?,
    };
    let is_http = ["", "http", "https"]
        .iter()
        .any(|name| scheme.eq_ignore_ascii_case(name));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, local) = rest.split_at(end);
    is_http.then_some((scheme, authority, local))
}

/// Translates each `<address>` of a `Link` header.
fn link(text: &str, target: &RouteTarget) -> Option<String> {
    let mut pieces = text.split('<');
    let mut link = pieces.next()?.to_owned();
    for piece in pieces {
        let (inside, rest) = piece.split_once('>')?;
        let inside = address(inside, target).map_or(Cow::Borrowed(inside), Cow::Owned);
        link += &format!("<{inside}>{rest}");
    }
    Some(link)
}

/// Translates the address of `Refresh: 5; url=/next`.
fn refresh(text: &str, target: &RouteTarget) -> Option<String> {
    let at = text.to_ascii_lowercase().find("url=")? + "url=".len();
    let (before, quoted) = text.split_at(at);
    let quotes = ['"', '\''];
    let inside = quoted.trim().trim_matches(quotes);
    Some(format!("{before}{}", address(inside, target)?))
}

/// Translates the path of a cookie, and removes a domain that is the upstream's own.
fn cookie(text: &str, target: &RouteTarget) -> Option<String> {
    let mut pieces = text.split(';');
    let mut cookie = pieces.next()?.to_owned();
    for piece in pieces {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (name, value) = (name.trim(), value.trim());
        let mut own = target.upstreams.all();
        if name.eq_ignore_ascii_case("domain") && own.any(|upstream| upstream.is_named(value)) {
            continue;
        }
        match name.eq_ignore_ascii_case("path") && value.starts_with('/') {
            true => cookie += &format!("; Path={}", cookie_path(value, target)),
            false => cookie += &format!(";{piece}"),
        }
    }
    Some(cookie)
}

/// Returns the path of a cookie at the gateway.
fn cookie_path(path: &str, target: &RouteTarget) -> String {
    // A path above the base holds all of the base, which is all that can be asked for here.
    let folder = path.trim_end_matches('/');
    let rest = target.base().strip_prefix(folder);
    let above = rest.is_some_and(|rest| rest.starts_with('/'));
    let path = if above { target.base() } else { path };
    let public = target.public_path(path).unwrap_or_else(|| path.to_owned());
    // A cookie for `/api/` would not be sent to `/api`.
    match public.trim_end_matches('/') {
        "" => "/".to_owned(),
        public => public.to_owned(),
    }
}
