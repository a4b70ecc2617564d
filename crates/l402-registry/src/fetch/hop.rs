//! One request to one URL, whose redirects are not followed.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use l402::UnixTime;
use l402_client::{AddressCheck, AddressError, Outgoing, is_head_too_large};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::tls::TlsInfo;
use url::Url;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::answer::FetchError;
use super::ask::Ask;
use super::fetcher::method_behind;

/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// One request to one URL.
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) method: Method,
    body: Option<Vec<u8>>,
}

impl Hop {
    pub(super) fn new(ask: &Ask) -> Result<Self, FetchError> {
        let hop = Self {
            url: plain(ask.url.clone())?,
            method: ask.method.clone(),
            body: ask.body.clone(),
        };
        Ok(hop)
    }

    /// Returns the request that follows a redirect.
    pub(super) fn redirected(self, to: Url, status: StatusCode) -> Result<Self, FetchError> {
        let to = plain(to)?;
        if self.url.scheme() == "https" && to.scheme() != "https" {
            let text = "a redirect leads from https to plain http";
            return Err(FetchError::Refused(text.to_owned()));
        }
        let method = method_behind(&self.method, status);
        // The body was made for the method before, and GET has none.
        let body = self.body.filter(|_| method == self.method);
        Ok(Self {
            url: to,
            method,
            body,
        })
    }

    /// Returns the addresses to connect to. Plain http goes to allowed ones alone.
    pub(super) async fn addresses(
        &self,
        check: &AddressCheck,
    ) -> Result<Vec<SocketAddr>, FetchError> {
        let mut found = check.addresses(&self.url).await?;
        if self.url.scheme() != "https" && !check.is_allowed(&self.url, &found) {
            let text = "only https is asked";
            return Err(FetchError::Refused(text.to_owned()));
        }
        // Cut after the checks, which look at every address of the name.
        found.truncate(MAX_ADDRESSES);
        Ok(found)
    }

    /// Sends the request to one of these addresses and to nothing else.
    pub(super) async fn send(
        &self,
        outgoing: &Outgoing,
        agent: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<reqwest::Response, FetchError> {
        let broken = |_| FetchError::NoAnswer("no connection can be made".to_owned());
        let client = outgoing.builder().map_err(broken)?;
        let client = client
            .dns_resolver(Arc::new(Pinned(addresses)))
            .user_agent(agent)
            .tls_info(true)
            // The connection ends with the answer.
            .pool_max_idle_per_host(0)
            .http2_max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX));
        let client = client.build().map_err(|error| failed(&error))?;
        // As `l402 get` asks, so that the service answers both alike.
        let request = client
            .request(self.method.clone(), self.url.clone())
            .header("accept-authenticate", "L402");
        let request = match &self.body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            None => request,
        };
        let response = request.send().await.map_err(|error| failed(&error))?;
        if is_too_large(response.headers()) {
            return Err(FetchError::TooLarge);
        }
        Ok(response)
    }
}

/// The addresses that were checked. No name is resolved a second time.
struct Pinned(Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(async move { Ok(addresses) })
    }
}

impl From<AddressError> for FetchError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Unresolved(_) => Self::Unresolved("the name has no address".to_owned()),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

/// Returns a URL that may be asked, as far as its text shows.
fn plain(mut url: Url) -> Result<Url, FetchError> {
    let refused = |text: &str| Err(FetchError::Refused(text.to_owned()));
    if !matches!(url.scheme(), "https" | "http") {
        return refused("only https is asked");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("a name or password stands before the host");
    }
    url.set_fragment(None);
    Ok(url)
}

fn is_too_large(headers: &HeaderMap) -> bool {
    let size = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    headers.len() > MAX_HEADERS || size.sum::<usize>() > MAX_HEAD
}

/// Returns the reason, in words of our own: those of the library may repeat what the server said.
fn failed(error: &reqwest::Error) -> FetchError {
    if is_head_too_large(error) {
        return FetchError::TooLarge;
    }
    if let Some(text) = certificate_fault(error) {
        return FetchError::Certificate(text);
    }
    FetchError::NoAnswer(if error.is_connect() {
        "it cannot be reached".to_owned()
    } else {
        "it gave no answer that is HTTP".to_owned()
    })
}

/// Returns the fault of a certificate that does not hold.
fn certificate_fault(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(rustls::Error::InvalidCertificate(fault)) = tls_error(inner) {
            return Some(in_words(fault).to_owned());
        }
        cause = inner.source();
    }
    None
}

/// Returns the error of TLS in an error of input and output, which does not name it as its source.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = || error.downcast_ref::<std::io::Error>()?.get_ref();
    error.downcast_ref().or_else(|| tls_error(inner()?))
}

fn in_words(fault: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Fault;
    match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => "its certificate has expired",
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => "its certificate is not valid yet",
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        Fault::UnknownIssuer => "its certificate is signed by nobody who is trusted",
        _ => "its certificate does not hold",
    }
}

/// Returns the end of the certificate of the server that answered.
pub(super) fn certificate_end(response: &reqwest::Response) -> Option<UnixTime> {
    let info = response.extensions().get::<TlsInfo>()?;
    let (_, certificate) = X509Certificate::from_der(info.peer_certificate()?).ok()?;
    let end = certificate.validity().not_after.timestamp();
    u64::try_from(end).ok().map(UnixTime::from_secs)
}
