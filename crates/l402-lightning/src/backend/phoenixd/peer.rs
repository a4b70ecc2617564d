//! The interface of one phoenixd: limits, error texts, and the meaning of a refusal.

use core::time::Duration;

use reqwest::StatusCode;

use crate::backend::http_wallet::{garbled, kind_of};
use crate::transport::{self, Peer, Proof, Transport, plain};
use crate::{Error, ErrorKind};

/// phoenixd in the middle of a sentence.
pub(super) const CALLED: &str = "phoenixd";

/// The interface of one phoenixd. `Debug` does not show the password.
pub(super) type Api = Transport<Phoenixd>;

/// The phoenixd at the other end.
#[derive(Clone)]
pub(super) struct Phoenixd {
    /// The address without a slash at the end.
    pub(super) base: String,
}

impl Peer for Phoenixd {
    /// The time limit of everything but a payment.
    const TIME_LIMIT: Duration = Duration::from_secs(5);

    /// A page of payments is the longest.
    const MAX_ANSWER: usize = 4 * 1024 * 1024;

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        transport::unanswered(CALLED, &self.base, error)
    }

    fn cut_short(&self, error: &reqwest::Error) -> Error {
        self.unanswered(error)
    }

    fn too_long(&self) -> Error {
        garbled(CALLED, "over 4 MiB")
    }

    fn garbled(&self, answer: &'static str) -> Error {
        garbled(CALLED, answer)
    }

    /// Returns the meaning of a refusal, whose body is a line of plain text.
    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error {
        let body = body.unwrap_or_default();
        if status == StatusCode::UNAUTHORIZED {
            let text = "phoenixd does not accept the password for this";
            return Error::new(ErrorKind::Unauthorized, text);
        }
        let said = plain(String::from_utf8_lossy(&body).trim());
        let text = format!("phoenixd said {}: {said}", status.as_u16());
        Error::new(kind_of(status), text)
    }

    fn proof(&self, status: StatusCode, body: &[u8]) -> Proof {
        // phoenixd's own sentences. A proxy before it has others for the same statuses.
        let said = body.trim_ascii();
        match status.as_u16() {
            // The same as "Not found", in a version that leaves the sentence out.
            204 if said.is_empty() => Proof::NotFound,
            400 if said.starts_with(b"Request parameter ") => Proof::NotBegun,
            401 if said.starts_with(b"Invalid authentication ") => Proof::NotBegun,
            404 if said == b"Not found" => Proof::NotFound,
            _ => Proof::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_phoenixds_own_sentences_prove_anything() {
        let peer = Phoenixd {
            base: String::new(),
        };
        let proof = |status: u16, body: &str| {
            peer.proof(StatusCode::from_u16(status).unwrap(), body.as_bytes())
        };
        assert_eq!(proof(404, "Not found\n"), Proof::NotFound);
        assert_eq!(proof(204, ""), Proof::NotFound);
        assert_eq!(proof(404, "Unknown endpoint (check api doc)"), Proof::None);
        assert_eq!(proof(404, "<html>404 Not found</html>"), Proof::None);
        assert_eq!(proof(502, "Not found"), Proof::None);
        let denied = "Invalid authentication (use basic auth with the http password …)";
        assert_eq!(proof(401, denied), Proof::NotBegun);
        assert_eq!(proof(401, ""), Proof::None);
        let parameter = "Request parameter invoice couldn't be parsed/converted to bolt11invoice";
        assert_eq!(proof(400, parameter), Proof::NotBegun);
        assert_eq!(proof(500, parameter), Proof::None);
    }
}
