//! The person who reads a page.

use http::Method;
use http::request::Parts;
use l402::Credential;

use super::language::Language;
use super::preference::prefers_html;

/// A person whose browser asks, as far as the page depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(super) language: Language,
    /// The path and query of the request, as it came.
    pub(super) path: String,
}

impl Reader {
    /// Returns the reader of the answer to a request; `None` if a program reads it, and wants JSON.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        let may_show = matches!(head.method, Method::GET | Method::HEAD);
        if !may_show || !prefers_html(&head.headers) {
            return None;
        }
        // No browser sends a credential in these headers by itself. Whoever does reads codes.
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        if !matches!(Credential::from_headers(headers), Ok(None)) {
            return None;
        }
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            language: Language::of(&head.headers),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const HTML: &str = "text/html,*/*;q=0.8";

    fn reader(method: &str, headers: &[(&str, &str)]) -> Option<Reader> {
        let mut request = Request::builder().method(method).uri("/a?b=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reader::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_browser_reads_a_page_and_a_program_does_not() {
        let read = reader("GET", &[("accept", HTML), ("accept-language", "de")]).unwrap();
        assert_eq!((read.language, &*read.path), (Language::German, "/a?b=1"));
        assert!(reader("HEAD", &[("accept", HTML)]).is_some());
        assert!(reader("GET", &[("accept", HTML), ("authorization", "Basic eDp5")]).is_some());
        assert!(reader("POST", &[("accept", HTML)]).is_none());
        assert!(reader("GET", &[("accept", "*/*")]).is_none());
        assert!(reader("GET", &[]).is_none());
        let shown = ("authorization", "L402 garbage");
        assert!(reader("GET", &[("accept", HTML), shown]).is_none());
    }
}
