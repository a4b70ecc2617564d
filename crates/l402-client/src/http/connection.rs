//! The connections of one client, and the reading of their answers.

use std::collections::HashMap;
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use l402::UnixTime;
use reqwest::dns::Resolve;
use url::{Position, Url};

use super::detour::{Unresolved, Way};
use super::guard::Guard;
use super::head::{Head, head_of};
use super::hop::Hop;
use super::outgoing::Outgoing;
use super::reach::{Reach, leads_away};
use super::replay::{peek, response};
use super::transport::{Other, Transport};
use super::upload::Unsendable;
use super::watch::{RequestHead, Watch, redacted};
use super::withheld::{self, withhold};
use crate::{Error, Refused};

/// The limits are those of the HTTP library, and reqwest has no setting for the number of headers.
const HEAD_TOO_LARGE: &str = "the head of the answer is too large, or has more than 100 headers";

/// The reason for a missing answer.
pub(crate) enum NoResponse {
    /// The server broke the connection off, in words. It may have answered before.
    BrokenOff(String),
    /// The head of the answer is larger than is read.
    HeadTooLarge,
    /// The host is none of those that may be asked.
    OtherHost(String),
    /// The address is one of the caller's own, which is never asked.
    OwnAddress(String),
    /// The body cannot be sent to its end, for a reason on this side.
    Body(String),
    /// Nothing came in time, in words.
    TimedOut(String),
    /// The name of the server was not found, in words.
    Unresolved(String),
    /// The address is a private one that nobody named.
    PrivateAddress(String),
    /// Anything else, in words.
    Other(String),
}

impl NoResponse {
    pub(crate) fn text(self) -> String {
        match self {
            Self::HeadTooLarge => HEAD_TOO_LARGE.into(),
            Self::BrokenOff(text)
            | Self::OtherHost(text)
            | Self::Body(text)
            | Self::OwnAddress(text)
            | Self::TimedOut(text)
            | Self::Unresolved(text)
            | Self::PrivateAddress(text)
            | Self::Other(text) => text,
        }
    }
}

/// The error of a request without a payment.
impl From<NoResponse> for Error {
    fn from(no_response: NoResponse) -> Self {
        match no_response {
            NoResponse::HeadTooLarge => {
                Self::refused(Refused::ChallengeTooLarge, NoResponse::HeadTooLarge.text())
            }
            NoResponse::OtherHost(detail) => {
                Self::refused(Refused::RedirectedAcrossOrigins, detail)
            }
            NoResponse::Body(detail) => Self::Body { detail },
            NoResponse::OwnAddress(detail) => Self::refused(Refused::OwnAddress, detail),
            NoResponse::TimedOut(detail) => Self::Transient {
                detail,
                timed_out: true,
            },
            NoResponse::Unresolved(detail) => Self::Transient {
                detail,
                timed_out: false,
            },
            NoResponse::PrivateAddress(detail) => Self::refused(Refused::PrivateAddress, detail),
            NoResponse::BrokenOff(detail) | NoResponse::Other(detail) => Self::Transport { detail },
        }
    }
}

/// The connections of one client.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    outgoing: Outgoing,
    /// Resolves the names that the way out says nothing of.
    resolver: Arc<dyn Resolve>,
    /// The clients for requests whose connections lead elsewhere than their URL says.
    detours: Arc<Mutex<HashMap<Way, reqwest::Client>>>,
    /// Takes the place of `client`.
    other: Option<Other>,
    guard: Guard,
    reach: Reach,
    timeout: Duration,
    watch: Option<Arc<dyn Watch>>,
}

impl Http {
    /// Builds a client without redirects and cookies: `Hop` follows redirects itself, by rules that
    /// reqwest does not know.
    pub(crate) fn new(
        timeout: Duration,
        guard: Guard,
        reach: Reach,
        outgoing: Outgoing,
    ) -> Result<Self, Error> {
        // Names that no flag resolves lead to no private address.
        let resolver: Arc<dyn Resolve> = Arc::new(reach.clone());
        Ok(Self {
            client: built(outgoing.builder_with(Arc::clone(&resolver))?)?,
            outgoing,
            resolver,
            detours: Arc::default(),
            other: None,
            guard,
            reach,
            timeout,
            watch: None,
        })
    }

    pub(crate) fn watched_by(mut self, watch: Option<Arc<dyn Watch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Returns true if a credential may travel to this URL: see [`is_private`](crate::origin). A
    /// connection over plain HTTP that is led elsewhere must stay on this machine as well.
    pub(crate) fn is_private(&self, url: &Url) -> bool {
        let stays = || self.outgoing.way(url).is_none_or(|way| way.is_here());
        crate::origin::is_private(url) && (url.scheme() == "https" || stays())
    }

    /// Returns a digest of the way out: see [`Hop::sent_by`].
    pub(crate) fn way_out(&self) -> Option<[u8; 32]> {
        self.outgoing.digest()
    }

    pub(crate) async fn ask(&self, hop: &Hop) -> Result<reqwest::Response, NoResponse> {
        let answered = self.send(hop, hop.unpaid()).await;
        match (&answered, hop.body_len()) {
            (Err(why), 1..) if why.is_broken_off() => self.ask_by_head(hop).await.or(answered),
            _ => answered,
        }
    }

    /// Asks with the head of the request alone, after a server has broken off the whole of it.
    async fn ask_by_head(&self, hop: &Hop) -> Result<reqwest::Response, NoResponse> {
        let asked = self.send(hop, withhold(hop.unpaid(), hop.body_len()));
        let answered = tokio::time::timeout(withheld::WAIT, asked).await;
        answered.unwrap_or_else(|_| Err(NoResponse::Other("no answer to the head".into())))
    }

    pub(crate) async fn present(
        &self,
        hop: &Hop,
        credential: &HeaderValue,
    ) -> Result<reqwest::Response, NoResponse> {
        self.send(hop, hop.paid(credential)).await
    }

    /// Refuses a URL that leads to an address which is never asked, or to one of `own`. A private address in it may be
    /// asked if a person typed it.
    pub(crate) async fn check(&self, url: &Url, own: &Guard, is_typed: bool) -> Result<(), Error> {
        self.guard.check(url).await?;
        own.check(url).await?;
        if !is_typed {
            self.reach.check_unnamed(url)?;
        }
        Ok(())
    }

    /// Returns the addresses that a URL leads to, if all of them may be asked.
    pub(crate) async fn addresses(
        &self,
        url: &Url,
        own: &Guard,
        is_typed: bool,
    ) -> Result<Vec<SocketAddr>, Error> {
        self.check(url, own, is_typed).await?;
        Ok(self.reach.addresses(url, &[&self.guard, own]).await?)
    }

    async fn send(
        &self,
        hop: &Hop,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, NoResponse> {
        // Here, where every request passes, so that no redirect leads around it.
        self.guard.check(request.url()).await?;
        let way = self.outgoing.way(request.url());
        // An address that a flag leads elsewhere is not the one that is asked.
        if way.as_ref().is_none_or(|way| !way.is_named()) {
            self.reach.check(request.url(), hop.typed)?;
        }
        if let Some(watch) = &self.watch {
            watch.sent(&RequestHead::of(&request));
        }
        let sent = async {
            match way {
                Some(way) => self.send_by(way, request).await,
                None => self.execute(request).await,
            }
        };
        // The head alone is timed: a body may be a stream of events that lasts for hours.
        match tokio::time::timeout(self.timeout, sent).await {
            Ok(answer) => answer.inspect(|answer| self.watched(answer)),
            Err(_) => Err(NoResponse::TimedOut(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }

    /// Sends a request on a connection that leads elsewhere than its URL says.
    async fn send_by(
        &self,
        way: Way,
        mut request: reqwest::Request,
    ) -> Result<reqwest::Response, NoResponse> {
        let url = request.url().clone();
        for target in way.targets(&url) {
            self.guard.check(&target).await?;
        }
        if let Some(disguised) = way.disguise(&url).map_err(NoResponse::Other)? {
            let host = url[Position::BeforeHost..Position::AfterPort].parse();
            let host = host.map_err(|_| NoResponse::Other("the host cannot be sent".into()))?;
            request.headers_mut().entry(HOST).or_insert(host);
            *request.url_mut() = disguised;
        }
        let client = self
            .detour(way)
            .map_err(|error| NoResponse::Other(error.without_promise()))?;
        let answer = client.execute(request).await.map_err(no_response)?;
        let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        Ok(response(parts, body, url))
    }

    /// Returns the client for one way. It is kept, for the connection may serve a second request.
    fn detour(&self, way: Way) -> Result<reqwest::Client, Error> {
        let mut detours = self.detours.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = detours.get(&way) {
            return Ok(client.clone());
        }
        let client = built(self.outgoing.builder_to(&way, Arc::clone(&self.resolver))?)?;
        detours.insert(way, client.clone());
        Ok(client)
    }

    fn watched(&self, answer: &reqwest::Response) {
        if let Some(watch) = &self.watch {
            let head = head_of(answer);
            let headers = redacted(&head.headers);
            watch.received(&Head { headers, ..head });
        }
    }

    async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, NoResponse> {
        match &self.other {
            Some(Other(transport)) => {
                // They resolve the name once more, and nothing here can hold them to the same answer.
                self.reach.check_name(request.url()).await?;
                transport.execute(request).await
            }
            None => self.client.execute(request).await.map_err(no_response),
        }
    }

    /// Returns the same with other connections.
    #[cfg_attr(
        not(any(feature = "reqwest-middleware", feature = "tower")),
        expect(dead_code, reason = "only layers have connections of their own")
    )]
    pub(crate) fn over(&self, transport: Arc<dyn Transport>) -> Self {
        Self {
            other: Some(Other(transport)),
            ..self.clone()
        }
    }

    /// Reads the body of an answer without taking it from the answer; see [`peek`].
    pub(crate) async fn peek(
        &self,
        answer: reqwest::Response,
        max: usize,
        time: Duration,
    ) -> (reqwest::Response, Option<Vec<u8>>) {
        peek(answer, max, self.timeout.min(time)).await
    }
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    builder.build().map_err(|error| Error::Transport {
        detail: error_chain(&error.without_url()),
    })
}

fn no_response(error: reqwest::Error) -> NoResponse {
    if let Some(why) = Unsendable::of(&error) {
        NoResponse::Body(why.to_string())
    } else if let Some(text) = leads_away(&error) {
        NoResponse::PrivateAddress(text)
    } else if is_head_too_large(&error) {
        NoResponse::HeadTooLarge
    } else if error.is_timeout() {
        NoResponse::TimedOut(error_chain(&error.without_url()))
    } else if is_unresolved(&error) {
        NoResponse::Unresolved(error_chain(&error.without_url()))
    } else if withheld::is_broken_off(&error) {
        NoResponse::BrokenOff(error_chain(&error.without_url()))
    } else {
        NoResponse::Other(error_chain(&error.without_url()))
    }
}

/// Returns true if a request failed because the head of its answer is larger than is read, or has
/// more than 100 headers. Such an answer is refused with [`Refused::ChallengeTooLarge`].
#[must_use]
pub fn is_head_too_large(error: &reqwest::Error) -> bool {
    // reqwest does not tell this case apart, so its causes are searched for the error of hyper.
    let mut cause = error.source();
    while let Some(inner) = cause {
        let http = inner.downcast_ref::<hyper::Error>();
        if http.is_some_and(hyper::Error::is_parse_too_large) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Returns true if a name has no address, that of a proxy included.
fn is_unresolved(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<Unresolved>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Returns the whole chain of causes as text. The caller has taken the URL out, whose query may hold
/// a secret.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Many errors already repeat the text of their cause.
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Returns the time that `Retry-After` asks to wait (RFC 9110, section 10.2.3): a number of seconds,
/// or the time until a date. `None` without a header that can be read.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // Dates before 1970 are no dates of today, and count as past.
    let since = date
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Some(UnixTime::from_secs(since.as_secs()).since(now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn plain_http_that_is_led_to_another_machine_is_not_private() {
        let is_private = |to: &str, url: &str| {
            let place = (Some(to), Some(9));
            let outgoing = Outgoing::default().with_connect_to((None, None), place);
            let http = Http::new(
                Duration::ZERO,
                Guard::new(Vec::new()),
                Reach::new(Vec::new(), Vec::new()),
                outgoing,
            );
            let http = http.unwrap_or_else(|error| panic!("{error}"));
            http.is_private(&url.parse().unwrap())
        };
        for url in ["http://127.0.0.1/", "http://localhost/", "http://a.onion/"] {
            assert!(is_private("127.0.0.1", url), "{url}");
            for to in ["10.0.0.1", "a.example", "localhost.example", "a.onion"] {
                assert!(!is_private(to, url), "{url} {to}");
            }
        }
        assert!(is_private("10.0.0.1", "https://a.example/"));
        assert!(!is_private("127.0.0.1", "http://a.example/"));
    }

    #[test]
    fn a_wait_is_seconds_or_the_time_until_a_date() {
        let now = UnixTime::from_secs(784_111_777);
        for (text, wait) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            let wait = wait.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), wait, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    async fn asked(http: &Http, url: &str) -> Result<u16, Error> {
        let request = crate::Request::get(url.parse().unwrap());
        let spool = crate::http::Spool::new("unused".into());
        let hop = Hop::first(request, &spool).await.unwrap();
        let answer = http.ask(&hop).await.map_err(Error::from)?;
        Ok(answer.status().as_u16())
    }

    fn http(outgoing: Outgoing) -> Http {
        let (guard, reach) = (Guard::new(Vec::new()), Reach::new(Vec::new(), Vec::new()));
        let http = Http::new(Duration::from_secs(5), guard, reach, outgoing);
        http.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A credential that stays on this machine is not shown to a proxy either.
    #[tokio::test]
    async fn a_way_that_stays_on_this_machine_goes_through_no_proxy() {
        use std::io::{Read as _, Write as _};
        let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (server, proxy) = (bind(), bind());
        let here = server.local_addr().unwrap();
        let outgoing = Outgoing::default()
            .with_http_proxy(&format!("http://{}", proxy.local_addr().unwrap()))
            .unwrap()
            .with_addresses("*", here.port(), [here.ip()]);
        let answering = std::thread::spawn(move || {
            let (mut asked, _) = server.accept().unwrap();
            let read = asked.read(&mut [0; 4096]).unwrap();
            assert!(read > 0);
            asked.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        });
        let answer = asked(&http(outgoing), &format!("http://{here}/")).await;
        assert_eq!(answer.unwrap_or_else(|error| panic!("{error}")), 204);
        answering.join().unwrap();
        proxy.set_nonblocking(true).unwrap();
        assert!(proxy.accept().is_err());
    }

    #[tokio::test]
    async fn an_onion_is_asked_of_no_resolver() {
        let to_onion = (Some("b.onion"), None);
        for outgoing in [
            Outgoing::default(),
            Outgoing::default().with_connect_to((None, None), to_onion),
        ] {
            let error = asked(&http(outgoing), "http://a.onion/").await.unwrap_err();
            let text = error.to_string();
            assert!(text.contains("-x socks5h://HOST:PORT"), "{text}");
            assert!(error.no_money_moved());
        }
    }
}
