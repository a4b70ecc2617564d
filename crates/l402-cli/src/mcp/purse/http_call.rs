//! An HTTP request that a call describes.

use bytes::Bytes;
use http::{HeaderMap, Method};
use l402_client::Request;
use url::Url;

/// An HTTP request that a call describes. It can be made as often as it is needed.
#[derive(Clone)]
pub(crate) struct HttpCall {
    pub(crate) method: Method,
    /// Of the scheme http or https, without user information and fragment.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Leaves out headers, query and body, which may hold secrets.
impl std::fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpCall")
            .field("method", &self.method)
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

impl HttpCall {
    /// Returns a GET of a URL.
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Returns the host of the URL, in ASCII.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(crate) fn to_request(&self) -> Request {
        let mut request = Request::new(self.method.clone(), self.url.clone());
        request.headers.clone_from(&self.headers);
        request.with_body(self.body.clone())
    }
}
