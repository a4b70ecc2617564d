//! The header lines that decide how a request is read.

use http::header::{HeaderMap, HeaderValue};

/// The header lines that decide how a request is read, found in one pass over all headers.
#[derive(Default)]
pub(super) struct Lines<'a> {
    pub(super) host: Line<'a>,
    pub(super) origin: Line<'a>,
    pub(super) preflight_method: Line<'a>,
    pub(super) content_type: Line<'a>,
    pub(super) content_length: Line<'a>,
    pub(super) fetch_site: Line<'a>,
    /// True if the request has a cookie.
    pub(super) has_cookie: bool,
    /// True if the request has a `grpc-timeout`.
    pub(super) timed: bool,
}

/// The number of lines that one header has, with the value.
#[derive(Clone, Copy, Default)]
pub(super) enum Line<'a> {
    #[default]
    None,
    One(&'a HeaderValue),
    /// Two lines or more, with the first of them.
    Several(&'a HeaderValue),
}

impl<'a> Lines<'a> {
    /// Reads the headers of a request.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut lines = Self::default();
        for (name, value) in headers {
            // One pass instead of six look-ups, since this runs for each request.
            match name.as_str() {
                "host" => lines.host.add(value),
                "origin" => lines.origin.add(value),
                "access-control-request-method" => lines.preflight_method.add(value),
                "content-type" => lines.content_type.add(value),
                "cookie" => lines.has_cookie = true,
                "sec-fetch-site" => lines.fetch_site.add(value),
                "content-length" => lines.content_length.add(value),
                "grpc-timeout" => lines.timed = true,
                _ => {}
            }
        }
        lines
    }
}

impl<'a> Line<'a> {
    pub(super) fn add(&mut self, value: &'a HeaderValue) {
        *self = match *self {
            Self::None => Self::One(value),
            Self::One(first) | Self::Several(first) => Self::Several(first),
        };
    }

    /// Returns the value of the first line, if there is any.
    pub(super) fn first(self) -> Option<&'a HeaderValue> {
        match self {
            Self::None => None,
            Self::One(first) | Self::Several(first) => Some(first),
        }
    }

    /// Returns the value if the header has exactly one line.
    pub(super) fn only(self) -> Option<&'a HeaderValue> {
        match self {
            Self::One(only) => Some(only),
            Self::None | Self::Several(_) => None,
        }
    }
}
