//! The weighted lists of RFC 9110: what a client prefers.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderName};

/// The types of a refusal as a program gets it.
const JSON: [&str; 2] = ["application/problem+json", "application/json"];

/// Returns the members of a list with their weights in thousandths, in their order. A member whose weight
/// cannot be read is left out.
pub(super) fn weighted<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'a str, u16)> + use<'a> {
    let lines = headers.get_all(name).into_iter();
    let members = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    members.filter_map(|member| {
        let (value, parameters) = member.split_once(';').unwrap_or((member, ""));
        let value = value.trim();
        let weight = weight(parameters)?;
        (!value.is_empty()).then_some((value, weight))
    })
}

/// Returns the weight among parameters, 1000 if there is none; `None` if it is no weight.
fn weight(parameters: &str) -> Option<u16> {
    let pairs = parameters.split(';').filter_map(|one| one.split_once('='));
    let mut weights = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let Some((_, text)) = weights.next() else {
        return Some(1000);
    };
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let part: u16 = format!("{part:0<3}").parse().ok().filter(|_| is_number)?;
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Returns true if the client would sooner have HTML than JSON. `*/*` alone is no wish for a page: programs
/// send it.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let json = JSON.map(|kind| quality(headers, kind));
    let json = json.into_iter().max().unwrap_or_default();
    quality(headers, "text/html") > json
}

/// Returns the weight of a media type by the most specific range that covers it; 0 if none does.
fn quality(headers: &HeaderMap, kind: &str) -> u16 {
    let family = kind.split('/').next().unwrap_or_default();
    let ranges = weighted(headers, &ACCEPT).filter_map(|(range, weight)| {
        let (of, sub) = range.split_once('/')?;
        let precision = if range.eq_ignore_ascii_case(kind) {
            2
        } else if of.eq_ignore_ascii_case(family) && sub == "*" {
            1
        } else if range == "*/*" {
            0
        } else {
            return None;
        };
        Some((precision, weight))
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        prefers_html(&headers)
    }

    #[test]
    fn browsers_prefer_a_page() {
        for accept in [
            // Chromium, Firefox, Safari, and text browsers.
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01",
            "text/html",
            "TEXT/HTML",
            "text/*",
            "text/html;level=1;q=0.3, application/json;q=0.2",
            "application/json;q=0, text/html;q=0.001",
            "*/*;q=0.1, text/html ; Q=0.2",
        ] {
            assert!(prefers(accept), "{accept}");
        }
    }

    #[test]
    fn programs_do_not() {
        for accept in [
            "*/*",
            "",
            "application/json",
            "application/json, text/html",
            "text/html, application/problem+json",
            "application/json, text/plain, */*",
            "application/json, text/javascript, */*; q=0.01",
            "image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8",
            "text/html;q=0, */*",
            "text/html;q=0",
            "text/html;q=2, */*",
            "text/html;q=0.5, */*",
            "text/event-stream",
            "text/htmlx",
            "garbage;;;=,/,",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn weights_are_thousandths_or_nothing() {
        for (text, expected) in [
            ("", Some(1000)),
            ("q=1", Some(1000)),
            ("q=1.000", Some(1000)),
            ("q=0.5", Some(500)),
            ("level=1;q=0.05", Some(50)),
            ("q=0", Some(0)),
            ("q=1.1", None),
            ("q=-1", None),
            ("q=0.0001", None),
            ("q=.5", None),
            ("q=", None),
        ] {
            assert_eq!(weight(text), expected, "{text}");
        }
    }
}
