//! The service behind an address: limits and error texts.

use core::time::Duration;
use std::sync::Arc;

use reqwest::StatusCode;

use super::guard::Guard;
use super::wire::{LnurlError, garbled};
use crate::transport::{self, Peer, Proof, Transport};
use crate::{Error, ErrorKind};

/// The time limit for connecting.
const CONNECT: Duration = Duration::from_secs(2);

/// The HTTP client of an address. Each call names its whole URL.
pub(super) type Service = Transport<LnurlPeer>;

/// Makes the client. Sends nothing yet.
pub(super) fn service(address: &str, guard: Guard) -> Result<Service, Error> {
    let client = transport::client(CONNECT)
        .dns_resolver(Arc::new(guard))
        .build()
        .map_err(|error| Error::new(ErrorKind::Local, format!("cannot set up HTTPS: {error}")))?;
    let peer = LnurlPeer {
        address: address.to_owned(),
    };
    Ok(Transport::new(client, String::new(), peer))
}

/// The service at the other end.
#[derive(Clone)]
pub(super) struct LnurlPeer {
    /// The Lightning address, as `you@host`.
    address: String,
}

impl Peer for LnurlPeer {
    /// A buyer waits for most calls.
    const TIME_LIMIT: Duration = Duration::from_secs(2);

    /// Metadata may hold a picture.
    const MAX_ANSWER: usize = 512 * 1024;

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        let address = &self.address;
        if error.is_timeout() {
            let text = format!("the service of {address} did not answer in time");
            return Error::new(ErrorKind::Timeout, text);
        }
        let cause = transport::root_cause(error);
        let text = format!("no connection to the service of {address}: {cause}");
        Error::new(ErrorKind::Unavailable, text)
    }

    fn cut_short(&self, error: &reqwest::Error) -> Error {
        self.unanswered(error)
    }

    fn too_long(&self) -> Error {
        garbled("over 512 KiB")
    }

    fn garbled(&self, answer: &'static str) -> Error {
        garbled(answer)
    }

    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error {
        if let Some(error) = body.ok().as_deref().and_then(LnurlError::read) {
            return error.into_error();
        }
        let kind = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            ErrorKind::Unavailable
        } else if status == StatusCode::NOT_FOUND {
            ErrorKind::Rejected
        } else {
            ErrorKind::Protocol
        };
        let address = &self.address;
        let text = format!("the service of {address} answered {}", status.as_u16());
        Error::new(kind, text)
    }

    fn proof(&self, _: StatusCode, body: &[u8]) -> Proof {
        // Only in the service's own form. Nobody pays through an address, so nothing hangs on it but
        // the difference between an invoice that is not known and a service that is away.
        LnurlError::read(body).map_or(Proof::None, |_| Proof::NotFound)
    }
}
