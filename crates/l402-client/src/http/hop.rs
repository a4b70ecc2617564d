//! A request on its way through redirects.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION,
    PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use l402::Credential;
use sha2::{Digest, Sha256};
use url::{Position, Url};

use super::reach::TypedAddress;
use super::spool::{Spool, Spooled};
use super::userinfo::take_userinfo;
use crate::{Body, Error, Refused, Request};

/// The second header that may carry a credential, for callers whose `authorization` is their own.
const OWN_HEADER: HeaderName = HeaderName::from_static("l402-credential");

/// A request to one URL: the caller's own, or the one that a redirect has made of it.
#[derive(Clone)]
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    headers: HeaderMap,
    /// See [`Request::without_header`].
    left_out: Vec<HeaderName>,
    body: Spooled,
    /// See [`Hop::keep_402`].
    kept_402: Option<Kept402>,
    /// A redirect has led away from the origin that the caller named. Nothing is paid
    /// and no credential is sent from there on, also not after a redirect back.
    pub(crate) foreign: bool,
    /// The server has said that it reads `L402-Credential`, beside the caller's own `Authorization`.
    reads_own_header: bool,
    /// A redirect has led away from the host that the caller named, where its cookies are nobody's.
    left_host: bool,
    /// The address that the caller named by the URL.
    pub(super) typed: TypedAddress,
    /// See [`Hop::sent_by`].
    way_out: Option<[u8; 32]>,
}

/// The place for the latest 402 of a call.
pub(crate) type Kept402 = Arc<Mutex<Option<reqwest::Response>>>;

impl Hop {
    /// Takes over a caller's request. Its body is read only if the rest of it can be sent.
    pub(crate) async fn first(request: Request, spool: &Spool) -> Result<Self, Error> {
        let (mut hop, body) = Self::of(request)?;
        hop.body = spool.take(body).await?;
        Ok(hop)
    }

    fn of(request: Request) -> Result<(Self, Body), Error> {
        let Request {
            method,
            mut url,
            mut headers,
            left_out,
            body,
        } = request;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            let detail = "the url is not of the scheme http or https".into();
            return Err(Error::Transport { detail });
        }
        let typed = TypedAddress::of(&url);
        if holds_credential(&headers) {
            let detail = "the request already holds an L402 credential; leave it out, the journal \
                          keeps and presents it";
            return Err(Error::refused(Refused::CredentialGiven, detail));
        }
        // Out of the URL, so that no log or error can repeat the password. A header that the caller set
        // wins.
        if let Some(basic) = take_userinfo(&mut url) {
            headers.entry(AUTHORIZATION).or_insert(basic);
        }
        if !left_out.contains(&USER_AGENT) {
            let agent = HeaderValue::from_static(concat!("l402/", env!("CARGO_PKG_VERSION")));
            headers.entry(USER_AGENT).or_insert(agent);
        }
        let hop = Self {
            method,
            url,
            headers,
            left_out,
            body: Spooled::EMPTY,
            kept_402: None,
            foreign: false,
            reads_own_header: false,
            left_host: false,
            typed,
            way_out: None,
        };
        Ok((hop, body))
    }

    /// Makes the way out a part of the [name](Hop::name): the same request with another certificate of
    /// the client, or at another machine, asks for something else.
    pub(crate) fn sent_by(self, way_out: Option<[u8; 32]>) -> Self {
        Self { way_out, ..self }
    }

    /// Lets the 402 be kept that this call is answered, whole, and returns the place where it will be.
    pub(crate) fn keep_402(&mut self) -> Kept402 {
        Arc::clone(self.kept_402.get_or_insert_default())
    }

    /// Takes over a 402 that was read for its challenge.
    pub(crate) fn keep(&self, answer: reqwest::Response) {
        if let Some(kept) = &self.kept_402 {
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
    }

    /// Follows a redirect by the method rules of browsers and curl. Returns `None` if the answer is
    /// no redirect. With `keep_method`, curl's rule for `-X` holds: the method stays, and the body goes
    /// if the method would have changed.
    pub(crate) fn next(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        keep_method: bool,
    ) -> Option<Self> {
        // RFC 9110, sections 15.4.2 to 15.4.4: 301 and 302 may turn a POST into a GET, which browsers do;
        // 303 asks for a GET in any case. 307 and 308 keep method and body.
        let as_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return None,
        };
        let mut url = self.url.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        take_userinfo(&mut url);
        let mut next = self.clone();
        // Never taken back: after a redirect home it is still the other origin that chose the URL.
        next.foreign |= url.origin() != self.url.origin();
        next.left_host |= url.host() != self.url.host();
        next.url = url;
        if next.foreign {
            for name in [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION] {
                next.headers.remove(name);
            }
        }
        if as_get {
            next.drop_body();
        }
        if as_get && !keep_method {
            next.method = Method::GET;
        }
        Some(next)
    }

    /// Returns true if the request would take a body with it.
    pub(crate) fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Returns the header `Host` that the caller set by hand, in lower case, if it is another one than
    /// that of the URL. Of several, a server may read any, so all of them count.
    pub(crate) fn host(&self) -> Option<String> {
        let hosts = self.headers.get_all(HOST).iter();
        let hosts = hosts.map(|host| String::from_utf8_lossy(host.as_bytes()).to_lowercase());
        let hosts = hosts.collect::<Vec<_>>().join(", ");
        let is_own = hosts == self.url[Position::BeforeHost..Position::AfterPort];
        (self.headers.contains_key(HOST) && !is_own).then_some(hosts)
    }

    /// Returns a name for the whole request, headers included: two requests of one name ask for the
    /// same answer.
    ///
    /// # Errors
    /// [`Error::Body`] if a kept body cannot be read.
    pub(crate) async fn name(&self) -> Result<String, Error> {
        let mut digest = Sha256::new();
        digest.update(self.fingerprint().await?);
        digest.update(self.url.as_str().split('#').next().unwrap_or_default());
        // Headers of one name keep their order, and the order of names says nothing.
        let mut names: Vec<_> = self.headers.keys().collect();
        names.sort_unstable_by_key(|name| name.as_str());
        for name in names {
            for value in self.headers.get_all(name) {
                digest.update(format!("\n{name}\n"));
                digest.update(value);
            }
        }
        if let Some(way_out) = self.way_out {
            // No header has an empty name.
            digest.update("\n\n");
            digest.update(way_out);
        }
        Ok(hex::encode(digest.finalize()))
    }

    /// Returns the length of the body, in bytes.
    pub(super) fn body_len(&self) -> u64 {
        self.body.len()
    }

    fn drop_body(&mut self) {
        self.body = Spooled::EMPTY;
        for name in [
            CONTENT_ENCODING,
            CONTENT_LENGTH,
            CONTENT_TYPE,
            TRANSFER_ENCODING,
        ] {
            self.headers.remove(name);
        }
    }

    /// Returns a fingerprint of method, query and body. A token that covers one request covers the
    /// same one again.
    ///
    /// # Errors
    /// [`Error::Body`] if a kept body cannot be read, or is a file of the caller's that has changed.
    pub(crate) async fn fingerprint(&self) -> Result<[u8; 32], Error> {
        let query = self
            .url
            .query()
            .map_or("-".into(), |query| format!("?{query}"));
        // Neither a method nor a query holds a line feed.
        let before = format!("{}\n{query}\n", self.method);
        self.body.fingerprint(before).await
    }

    /// The body, which may be a file of the caller's.
    pub(crate) fn body(&self) -> &Spooled {
        &self.body
    }

    /// Returns the request without a credential. Its header `Accept-Authenticate` says that a challenge
    /// is welcome, which a few servers wait for.
    pub(super) fn unpaid(&self) -> reqwest::Request {
        let mut request = self.plain();
        let welcome = HeaderName::from_static("accept-authenticate");
        if !self.left_out.contains(&welcome) {
            request
                .headers_mut()
                .entry(welcome)
                .or_insert(HeaderValue::from_static("L402"));
        }
        request
    }

    /// Returns true if `Authorization` is the caller's own, and nobody has said yet that the server
    /// reads a credential beside it.
    pub(crate) fn has_no_place(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION) && !self.reads_own_header
    }

    /// Notes what a 402 says: `L402-Credential: accepted` leaves `Authorization` to the caller.
    /// Returns true if there is a place for a credential.
    pub(crate) fn learn(&mut self, headers: &HeaderMap) -> bool {
        self.reads_own_header |= reads_own_header(headers);
        !self.has_no_place()
    }

    /// Sends these cookies and no others, but none to a host that the caller has not named.
    pub(crate) fn set_cookies(&mut self, cookies: Option<HeaderValue>) {
        self.headers.remove(COOKIE);
        let cookies = cookies.filter(|_| !self.left_host);
        self.headers.extend(cookies.map(|value| (COOKIE, value)));
    }

    /// Returns the request with a credential, which goes into `L402-Credential` if the caller has an
    /// `Authorization` of its own. That one is never replaced.
    pub(super) fn paid(&self, credential: &HeaderValue) -> reqwest::Request {
        let mut request = self.plain();
        let beside = self.headers.contains_key(AUTHORIZATION);
        let name = if beside { OWN_HEADER } else { AUTHORIZATION };
        request.headers_mut().insert(name, credential.clone());
        request
    }

    fn plain(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.upload());
        } else if self.says_no_content() {
            request
                .headers_mut()
                .entry(CONTENT_LENGTH)
                .or_insert(HeaderValue::from_static("0"));
        }
        request
    }

    /// RFC 9110, section 8.6: with a method that expects content, a length of 0 says that there is
    /// none.
    fn says_no_content(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
            && !self.left_out.contains(&CONTENT_LENGTH)
    }
}

/// Returns true if a 402 says that its server reads the header `L402-Credential`.
pub(crate) fn reads_own_header(headers: &HeaderMap) -> bool {
    let said = headers.get_all(OWN_HEADER).iter();
    let mut said = said.filter_map(|value| value.to_str().ok());
    said.any(|value| value.trim().eq_ignore_ascii_case("accepted"))
}

fn holds_credential(headers: &HeaderMap) -> bool {
    headers.iter().any(|(name, value)| match name.as_str() {
        "authorization" => Credential::is_l402(value.as_bytes()),
        name => Credential::HEADERS.contains(&name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(method: Method, url: &str) -> Hop {
        let mut request = Request::get(url.parse().unwrap());
        request.method = method;
        request
            .headers
            .insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let (mut hop, _) = Hop::of(request).unwrap_or_else(|error| panic!("{error}"));
        hop.body = Spooled::Memory("body".into());
        hop
    }

    fn redirect(hop: &Hop, status: u16, to: &str) -> Option<Hop> {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::try_from(to).unwrap())]);
        hop.next(StatusCode::from_u16(status).unwrap(), &headers, false)
    }

    #[test]
    fn methods_change_as_curl_changes_them() {
        for (method, status, after) in [
            (Method::POST, 301, Method::GET),
            (Method::POST, 302, Method::GET),
            (Method::PUT, 302, Method::PUT),
            (Method::PUT, 303, Method::GET),
            (Method::HEAD, 303, Method::HEAD),
            (Method::POST, 307, Method::POST),
            (Method::POST, 308, Method::POST),
        ] {
            let next = redirect(&hop(method.clone(), "https://a.example/x"), status, "/y").unwrap();
            assert_eq!(next.method, after, "{method} {status}");
            assert_eq!(
                next.body.is_empty(),
                after == Method::GET,
                "{method} {status}"
            );
            assert!(next.headers.contains_key(AUTHORIZATION));
            assert!(!next.foreign);
        }
        assert!(redirect(&hop(Method::GET, "https://a.example/x"), 304, "/y").is_none());
        assert!(redirect(&hop(Method::GET, "https://a.example/x"), 302, "file:///y").is_none());
    }

    #[test]
    fn a_forced_method_stays_and_loses_its_body_as_with_curl() {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("/y"))]);
        for (status, body) in [(301, false), (302, false), (303, false), (307, true)] {
            let status = StatusCode::from_u16(status).unwrap();
            let posted = hop(Method::POST, "https://a.example/x");
            let next = posted.next(status, &headers, true).unwrap();
            assert_eq!(
                (next.method, !next.body.is_empty()),
                (Method::POST, body),
                "{status}"
            );
        }
    }

    #[tokio::test]
    async fn a_fingerprint_tells_requests_apart() {
        let of = async |method: Method, url: &str| hop(method, url).fingerprint().await.unwrap();
        let same = of(Method::GET, "https://a.example/x?a=1").await;
        let with_part = of(Method::GET, "https://a.example/x?a=1#part").await;
        assert_eq!(with_part, same);
        for (method, url) in [
            (Method::POST, "https://a.example/x?a=1"),
            (Method::GET, "https://a.example/x?a=2"),
            (Method::GET, "https://a.example/x"),
        ] {
            assert_ne!(of(method, url).await, same, "{url}");
        }
        let mut bodiless = hop(Method::GET, "https://a.example/x?a=1");
        bodiless.drop_body();
        assert_ne!(bodiless.fingerprint().await.unwrap(), same);
    }

    #[test]
    fn another_origin_learns_no_secret_and_stays_another_origin() {
        for to in [
            "https://b.example/",
            "http://a.example/",
            "https://a.example:444/",
        ] {
            let away = redirect(&hop(Method::GET, "https://a.example/x"), 302, to).unwrap();
            assert!(
                away.foreign && !away.headers.contains_key(AUTHORIZATION),
                "{to}"
            );
            let back = redirect(&away, 302, "https://a.example/x").unwrap();
            assert!(back.foreign);
        }
        let same = redirect(
            &hop(Method::GET, "https://a.example/x"),
            302,
            "https://a.example:443/",
        );
        assert!(!same.unwrap().foreign);
    }
    #[test]
    fn a_password_in_the_url_becomes_a_header() {
        let request = Request::get("http://us%65r:p%40ss@127.0.0.1/x".parse().unwrap());
        let (hop, _) = Hop::of(request).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(hop.url.as_str(), "http://127.0.0.1/x");
        assert_eq!(hop.headers[AUTHORIZATION], "Basic dXNlcjpwQHNz");
    }
}
