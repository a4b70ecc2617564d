//! One attempt: the receiver is resolved, its addresses are checked, and the event is posted to one of
//! them. No redirect is followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use l402::UnixTime;
use l402_host::{is_localhost, is_public_address};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Host;

use super::target::Target;

/// The time in which a receiver has to answer.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

const AGENT: &str = concat!("l402/", env!("CARGO_PKG_VERSION"));

/// The head of an answer, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The wait that the receiver asks for.
    pub(super) retry_after: Option<Duration>,
}

/// Posts one event to its target, signed as of `at`.
///
/// # Errors
/// The reason why there is no answer, without anything that the receiver said.
pub(super) async fn post(
    target: &Target,
    id: &str,
    body: &str,
    at: UnixTime,
    within: Duration,
) -> Result<Response, String> {
    let attempt = timeout(within, attempt(target, id, body, at)).await;
    attempt.unwrap_or_else(|_| Err(format!("no answer within {} s", within.as_secs())))
}

async fn attempt(target: &Target, id: &str, body: &str, at: UnixTime) -> Result<Response, String> {
    // Connected to the addresses that were checked: the name may lead elsewhere the next time.
    let socket = connect(&addresses(target).await?).await?;
    let request = request(target, id, body, at)?;
    match &target.tls {
        None => exchange(socket, request, at).await,
        Some((connector, name)) => {
            let stream = connector.connect(name.clone(), socket).await;
            exchange(
                stream.map_err(|error| format!("TLS: {error}"))?,
                request,
                at,
            )
            .await
        }
    }
}

/// Returns the addresses of the receiver, all of which may be asked.
async fn addresses(target: &Target) -> Result<Vec<SocketAddr>, String> {
    let url = target.settings.url.url();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut found: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
        Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
        // Never by a resolver, which may say something else.
        Some(Host::Domain(name)) if is_localhost(name) => {
            let [v4, v6] = [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
            vec![(v4, port).into(), (v6, port).into()]
        }
        Some(Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, port)).await;
            found
                .map_err(|error| format!("its name has no address: {error}"))?
                .collect()
        }
        None => Vec::new(),
    };
    // Before the list is cut: one address that is not allowed refuses them all.
    check(&target.settings, &found)?;
    found.truncate(MAX_ADDRESSES);
    Ok(found)
}

/// Refuses the addresses of a receiver if one of them may not be asked: a name with both is one of
/// somebody who tries.
fn check(settings: &crate::config::WebhookTarget, found: &[SocketAddr]) -> Result<(), String> {
    if found.is_empty() {
        return Err("its name has no address".to_owned());
    }
    let mut public = found.iter().map(|address| is_public_address(address.ip()));
    if !settings.allow_private && !public.clone().all(|public| public) {
        return Err("leads to a private address, and the target has no allow_private".to_owned());
    }
    if !settings.url.is_https() && public.any(|public| public) {
        return Err("leads to another network over plain http; write https://".to_owned());
    }
    Ok(())
}

/// Connects to the first address that answers, and to nothing else.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut failed = "its name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = format!("cannot be reached: {error}"),
        }
    }
    Err(failed)
}

fn request(
    target: &Target,
    id: &str,
    body: &str,
    at: UnixTime,
) -> Result<Request<Full<Bytes>>, String> {
    let url = target.settings.url.url();
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let host = url.host_str().unwrap_or_default();
    // `port` is `None` for the port of the scheme, which the header leaves out.
    let host = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", at.secs())
        .header("webhook-signature", target.secret.sign(id, at, body))
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .map_err(|error| error.to_string())
}

/// Sends the request, and reads the answer as far as it counts.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    at: UnixTime,
) -> Result<Response, String> {
    let broken = |error: hyper::Error| format!("gave no answer that is HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Not a task of its own: it ends with the attempt, whatever the receiver does.
    let mut connection = core::pin::pin!(connection);
    let mut answered = core::pin::pin!(sender.send_request(request));
    let answer = tokio::select! {
        biased;
        answer = &mut answered => answer.map_err(broken)?,
        ended = &mut connection => {
            ended.map_err(broken)?;
            answered.await.map_err(broken)?
        }
    };
    let response = Response {
        status: answer.status().as_u16(),
        retry_after: retry_after(answer.headers(), at),
    };
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect();
    // The head has said all. The body is read so that the receiver sees its answer taken.
    tokio::select! {
        _ = body => {}
        _ = connection => {}
    }
    Ok(response)
}

/// Reads the wait that a receiver asks for: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixTime::from_secs(date.as_secs()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SecretPlace, WebhookTarget};

    fn checked(url: &str, allow_private: bool, found: &[&str]) -> Result<(), String> {
        let settings = WebhookTarget {
            url: url.parse().unwrap(),
            secret: SecretPlace::Environment("NONE".to_owned()),
            events: Vec::new(),
            allow_private,
            ca: None,
        };
        let found = found
            .iter()
            .map(|ip| (ip.parse::<IpAddr>().unwrap(), 443).into());
        check(&settings, &found.collect::<Vec<_>>())
    }

    /// A name that leads anywhere private is not asked, whatever else it leads to.
    /// ATTACKS O-10.
    #[test]
    fn every_address_of_a_name_is_checked() {
        let https = "https://hooks.example/";
        assert_eq!(checked(https, false, &["1.1.1.1", "2606:4700::1"]), Ok(()));
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "fe80::1",
        ] {
            let error = checked(https, false, &["1.1.1.1", private]).unwrap_err();
            assert!(error.contains("private"), "{private}: {error}");
            assert_eq!(checked(https, true, &[private]), Ok(()), "{private}");
        }
        assert!(checked(https, true, &[]).is_err());
        let http = "http://hooks.example/";
        assert_eq!(checked(http, true, &["10.0.0.1"]), Ok(()));
        assert!(
            checked(http, true, &["1.1.1.1"])
                .unwrap_err()
                .contains("plain http")
        );
    }

    #[test]
    fn a_wait_is_read_as_seconds_and_as_a_date() {
        let now = UnixTime::from_secs(1_445_412_400);
        let wait = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(80));
        assert_eq!(wait("Wed, 21 Oct 2009 07:28:00 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
    }
}
