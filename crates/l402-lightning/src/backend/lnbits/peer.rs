//! The interface of one LNbits server: limits, error texts, and the meaning of a refusal.

use core::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::backend::http_wallet::{garbled, kind_of};
use crate::transport::{self, Peer, Proof, Transport, plain};
use crate::{Error, ErrorKind};

/// LNbits in the middle of a sentence.
pub(super) const CALLED: &str = "LNbits";

/// The interface of one LNbits server, with the key of one wallet. `Debug` does not show the key.
pub(super) type Api = Transport<Lnbits>;

/// The LNbits server at the other end.
#[derive(Clone)]
pub(super) struct Lnbits {
    /// The address without a slash at the end.
    pub(super) base: String,
}

/// LNbits' own form of a refusal. `detail` is a text, or a list of what is wrong with a request.
#[derive(Deserialize)]
struct Refusal {
    detail: Value,
    /// Of a payment or an invoice: *failed*, *pending* or *success*.
    status: Option<String>,
}

impl Peer for Lnbits {
    /// The time limit of everything but a payment. The server answers nothing else while it waits
    /// for its own node, up to five seconds by default.
    const TIME_LIMIT: Duration = Duration::from_secs(10);

    /// A page of payments is the longest.
    const MAX_ANSWER: usize = 8 * 1024 * 1024;

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        transport::unanswered(CALLED, &self.base, error)
    }

    fn cut_short(&self, error: &reqwest::Error) -> Error {
        self.unanswered(error)
    }

    fn too_long(&self) -> Error {
        garbled(CALLED, "over 8 MiB")
    }

    fn garbled(&self, answer: &'static str) -> Error {
        garbled(CALLED, answer)
    }

    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error {
        let said = parse(&body.unwrap_or_default());
        let detail = said.as_ref().map_or("", Refusal::text);
        let kind = match status.as_u16() {
            404 if detail == "Wallet not found." => ErrorKind::Unauthorized,
            // A refusal of the payment or the invoice, and not a failure of the server.
            520 if said.is_some() => ErrorKind::Rejected,
            _ => kind_of(status),
        };
        let text = format!("LNbits said {}: {}", status.as_u16(), plain(detail));
        Error::new(kind, text)
    }

    fn proof(&self, status: StatusCode, body: &[u8]) -> Proof {
        let Some(said) = parse(body) else {
            return Proof::None;
        };
        match status.as_u16() {
            404 if said.text() == "Payment does not exist." => Proof::NotFound,
            400 | 401 | 403 | 404 => Proof::NotBegun,
            // With "pending", or without a word, the payment may be under way.
            520 if said.status.as_deref() == Some("failed") => Proof::NotBegun,
            _ => Proof::None,
        }
    }
}

impl Refusal {
    fn text(&self) -> &str {
        self.detail
            .as_str()
            .unwrap_or("the request is not as LNbits wants it")
    }
}

fn parse(body: &[u8]) -> Option<Refusal> {
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_prove_what_lnbits_itself_says() {
        let peer = Lnbits {
            base: String::new(),
        };
        let both = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let error = peer.refusal(status, Ok(body.as_bytes().to_vec()));
            (peer.proof(status, body.as_bytes()), error.kind())
        };
        let detail = |text: &str| format!(r#"{{"detail":"{text}"}}"#);
        assert_eq!(
            both(404, &detail("Payment does not exist.")),
            (Proof::NotFound, ErrorKind::Rejected)
        );
        assert_eq!(
            both(404, &detail("Wallet not found.")),
            (Proof::NotBegun, ErrorKind::Unauthorized)
        );
        assert_eq!(
            both(403, &detail("Invoice (or Admin) key required.")),
            (Proof::NotBegun, ErrorKind::Unauthorized)
        );
        let payment = |status: &str| format!(r#"{{"detail":"no","status":"{status}"}}"#);
        assert_eq!(both(520, &payment("failed")).0, Proof::NotBegun);
        for status in ["pending", "success", "new"] {
            assert_eq!(both(520, &payment(status)).0, Proof::None);
        }
        for (status, body) in [(520, "error code: 520"), (404, "<html>"), (502, "{}")] {
            assert_eq!(both(status, body).0, Proof::None, "{status} {body}");
        }
        assert_eq!(both(500, &detail("Unexpected error!")).0, Proof::None);
        assert_eq!(both(502, "<html>").1, ErrorKind::Unavailable);
    }
}
