//! The way to strangers.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::LOCATION;
use http::{Method, StatusCode};
use l402::UnixTime;
use l402_client::{AddressCheck, Outgoing};
use l402_host::BoxFuture;
use tokio::time::{Instant, timeout};
use url::Url;

use super::answer::{FetchError, Fetched};
use super::ask::{Ask, Reachable};
use super::hop::{self, Hop};
use super::pace::Pace;

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// A resolver of names.
type Resolver = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Asks strangers, within bounds.
#[derive(Clone)]
pub struct Fetcher {
    reachable: Reachable,
    outgoing: Outgoing,
    agent: String,
    resolver: Option<Resolver>,
    pace: Option<Arc<Pace>>,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("reachable", &self.reachable)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

/// An answer whose body has not been read yet.
pub(crate) struct Arrived {
    pub(crate) url: Url,
    pub(crate) is_permanent: bool,
    pub(crate) response: reqwest::Response,
    pub(crate) latency: Duration,
    pub(crate) tls_until: Option<UnixTime>,
}

/// The reason why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It broke off.
    BrokenOff,
    /// It is longer than is read.
    TooLarge,
    /// It did not end in time.
    TooSlow,
}

impl Fetcher {
    /// Makes a way to the addresses that may be asked. By default, the certificate authorities that Mozilla
    /// trusts are trusted, and no proxy is used.
    #[must_use]
    pub fn new(reachable: Reachable) -> Self {
        Self {
            reachable,
            outgoing: Outgoing::default(),
            agent: concat!("l402-registry/", env!("CARGO_PKG_VERSION")).to_owned(),
            resolver: None,
            pace: None,
        }
    }

    /// Tells the services that are asked where they can read about this registry: `PUBLIC_URL/about`.
    #[must_use]
    pub fn with_public_url(mut self, url: &Url) -> Self {
        let about = url.as_str().trim_end_matches('/');
        self.agent = format!(
            "l402-registry/{} (+{about}/about)",
            env!("CARGO_PKG_VERSION")
        );
        self
    }

    /// Trusts these certificates (DER) beside those that are built in.
    #[must_use]
    pub fn with_more_roots(mut self, roots: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.outgoing = self.outgoing.with_more_roots(roots);
        self
    }

    /// Takes another resolver than that of the system. What it finds is checked as well.
    #[must_use]
    pub fn with_resolver<F>(mut self, resolver: F) -> Self
    where
        F: Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Asks every host and address as often as a pace allows. The wait is no part of the time-out.
    #[must_use]
    pub(crate) fn paced(&self, pace: Arc<Pace>) -> Self {
        Self {
            pace: Some(pace),
            ..self.clone()
        }
    }

    /// Asks, follows redirects, and reads the whole answer.
    ///
    /// # Errors
    /// See [`FetchError`]. Nothing is retried.
    pub async fn fetch(&self, ask: Ask) -> Result<Fetched, FetchError> {
        let mut left = ask.timeout;
        let mut arrived = self.arrive(&ask, &mut left).await?;
        let (body, cut) = read(&mut arrived.response, ask.max_bytes, left).await;
        match cut {
            None => Ok(arrived.with_body(body)),
            Some(Cut::BrokenOff) => {
                let text = "the answer broke off".to_owned();
                Err(FetchError::NoAnswer(text))
            }
            Some(Cut::TooLarge) => Err(FetchError::TooLarge),
            Some(Cut::TooSlow) => Err(FetchError::TooSlow),
        }
    }

    /// Looks whether a URL may be asked, and asks nobody.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub(crate) async fn permits(&self, url: &Url) -> Result<(), FetchError> {
        let hop = Hop::new(&Ask::new(Method::GET, url.clone()))?;
        hop.addresses(&self.check()).await.map(drop)
    }

    /// Asks, follows redirects, and returns the head of the answer. Takes the time from `left`.
    pub(crate) async fn arrive(
        &self,
        ask: &Ask,
        left: &mut Duration,
    ) -> Result<Arrived, FetchError> {
        let mut hop = Hop::new(ask)?;
        let (mut seen, mut is_permanent) = (Vec::new(), true);
        loop {
            let (response, latency) = self.send(&hop, left).await?;
            let next = ask.follow.then(|| target(&hop.url, &response)).flatten();
            let Some(next) = next else {
                return Ok(Arrived {
                    url: hop.url,
                    is_permanent,
                    latency,
                    tls_until: hop::certificate_end(&response),
                    response,
                });
            };
            // One temporary redirect is enough for the first address to stay the service's name.
            is_permanent &= matches!(response.status().as_u16(), 301 | 308);
            seen.push((hop.method.clone(), hop.url.clone()));
            hop = hop.redirected(next, response.status())?;
            if seen.len() > MAX_REDIRECTS || seen.contains(&(hop.method.clone(), hop.url.clone())) {
                return Err(FetchError::RedirectsTooOften);
            }
        }
    }

    /// Sends one request, to addresses that were checked for it.
    async fn send(
        &self,
        hop: &Hop,
        left: &mut Duration,
    ) -> Result<(reqwest::Response, Duration), FetchError> {
        let check = self.check();
        let addresses = spend(left, hop.addresses(&check)).await??;
        if let Some(pace) = &self.pace {
            pace.turn(&hop.url, &addresses).await?;
        }
        // From here on: look-up and wait for a turn are no part of the service's latency.
        let begin = Instant::now();
        let answered = hop.send(&self.outgoing, &self.agent, addresses);
        let response = spend(left, answered).await??;
        Ok((response, begin.elapsed()))
    }

    /// Returns the rule on addresses, with the ports of this moment.
    fn check(&self) -> AddressCheck {
        let check = AddressCheck::new(self.reachable.networks(), (self.reachable.own.0)());
        match &self.resolver {
            Some(resolver) => {
                let resolver = Arc::clone(resolver);
                check.with_resolver(move |name| resolver(name))
            }
            None => check,
        }
    }
}

impl Arrived {
    /// Puts the body to the head.
    pub(crate) fn with_body(self, body: Vec<u8>) -> Fetched {
        Fetched {
            url: self.url,
            is_permanent: self.is_permanent,
            status: self.response.status(),
            headers: self.response.headers().clone(),
            body,
            latency: self.latency,
            tls_until: self.tls_until,
        }
    }
}

/// Awaits a future for at most the time that is left, and takes its time from it.
async fn spend<T>(left: &mut Duration, future: impl Future<Output = T>) -> Result<T, FetchError> {
    let begin = Instant::now();
    let done = timeout(*left, future).await;
    *left = left.saturating_sub(begin.elapsed());
    done.map_err(|_| FetchError::TooSlow)
}

/// Reads a body up to a bound and a time. Returns what came, and the reason if it is not all.
pub(crate) async fn read(
    response: &mut reqwest::Response,
    max_bytes: usize,
    time: Duration,
) -> (Vec<u8>, Option<Cut>) {
    // A server that says so at once need not send it.
    if response
        .content_length()
        .is_some_and(|said| said > max_bytes as u64)
    {
        return (Vec::new(), Some(Cut::TooLarge));
    }
    let mut body = Vec::new();
    let whole = timeout(time, async {
        loop {
            match response.chunk().await {
                Ok(None) => return None,
                Err(_) => return Some(Cut::BrokenOff),
                Ok(Some(chunk)) if body.len() + chunk.len() > max_bytes => {
                    return Some(Cut::TooLarge);
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            }
        }
    });
    let cut = whole.await.unwrap_or(Some(Cut::TooSlow));
    (body, cut)
}

/// Returns the place that a redirect leads to.
fn target(from: &Url, response: &reqwest::Response) -> Option<Url> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    // A redirect whose target is missing or cannot be read is itself the answer.
    let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    from.join(location.to_str().ok()?).ok()
}

/// Returns the method behind a redirect, as browsers and curl have it.
pub(super) fn method_behind(method: &Method, status: StatusCode) -> Method {
    match (status.as_u16(), method) {
        (307 | 308, _) | (_, &Method::GET | &Method::HEAD) => method.clone(),
        (301 | 302, method) if *method != Method::POST => method.clone(),
        _ => Method::GET,
    }
}
