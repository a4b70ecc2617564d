//! clnrest over HTTPS: limits, error texts, and the meaning of a refusal.

use core::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;
use url::Url;

use super::rpc::TIME_LIMIT;
use super::rune::Rune;
use super::wire::{MAX_ANSWER, Refusal, garbled};
use crate::transport::{self, Peer, Proof, Transport};
use crate::{Error, ErrorKind};

/// The header in which clnrest takes its rune.
const RUNE: HeaderName = HeaderName::from_static("rune");

/// The time limit for connecting.
const CONNECT: Duration = Duration::from_secs(2);

/// Opens the interface. Sends nothing yet.
pub(super) fn connect(
    url: &Url,
    tls: ClientConfig,
    rune: &Rune,
) -> Result<Transport<ClnRest>, Error> {
    let local = |text: &str| Error::new(ErrorKind::Local, text);
    let mut value =
        HeaderValue::from_str(rune.text()).map_err(|_| local("the rune cannot be sent"))?;
    // Keeps the rune out of the `Debug` of every request.
    value.set_sensitive(true);
    let client = transport::client(CONNECT)
        .use_preconfigured_tls(tls)
        .default_headers(HeaderMap::from_iter([(RUNE, value)]))
        .https_only(true)
        .http1_only()
        .tcp_keepalive(Duration::from_secs(30))
        .build()
        .map_err(|error| local(&format!("cannot set up HTTPS: {error}")))?;
    let base = url.as_str().trim_end_matches('/').to_owned();
    let peer = ClnRest {
        address: base.clone(),
    };
    Ok(Transport::new(client, base, peer))
}

/// The clnrest at the other end.
#[derive(Clone)]
pub(super) struct ClnRest {
    /// Scheme, host and port.
    address: String,
}

impl Peer for ClnRest {
    const TIME_LIMIT: Duration = TIME_LIMIT;

    const MAX_ANSWER: usize = MAX_ANSWER;

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        transport::unanswered("clnrest", &self.address, error)
    }

    fn cut_short(&self, error: &reqwest::Error) -> Error {
        self.unanswered(error)
    }

    fn too_long(&self) -> Error {
        garbled("over 8 MiB")
    }

    fn garbled(&self, answer: &'static str) -> Error {
        garbled(answer)
    }

    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error {
        if let Some(refusal) = parse(&body.unwrap_or_default()) {
            return refusal.error();
        }
        // A proxy before clnrest, which does not know its form.
        let kind = match status.as_u16() {
            401 | 403 => ErrorKind::Unauthorized,
            500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Rejected,
        };
        let (address, status) = (&self.address, status.as_u16());
        let text = format!("{address} answered {status}, and not in the form of clnrest");
        Error::new(kind, text)
    }

    fn proof(&self, _: StatusCode, body: &[u8]) -> Proof {
        parse(body).map_or(Proof::None, |refusal| refusal.proof())
    }
}

fn parse(body: &[u8]) -> Option<Refusal> {
    serde_json::from_slice(body).ok()
}
