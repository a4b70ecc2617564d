//! The error texts and the limits of one kind of node.

use core::time::Duration;

use reqwest::StatusCode;

use super::failure::Proof;
use crate::Error;

/// A kind of node at the other end, which words its own errors.
///
/// Text from the node itself reaches an error only through [`plain`](super::plain).
pub(crate) trait Peer: Clone + Send + Sync {
    /// The deadline of a call that sets no other.
    const TIME_LIMIT: Duration;

    /// The maximum length in bytes of an answer, or of a line of a streamed answer.
    const MAX_ANSWER: usize;

    /// The deadline of a call that sets no other, for a node that is further away than most.
    fn time_limit(&self) -> Duration {
        Self::TIME_LIMIT
    }

    /// The error of a request without an answer.
    fn unanswered(&self, error: &reqwest::Error) -> Error;

    /// The error of an answer that ended before its end.
    fn cut_short(&self, error: &reqwest::Error) -> Error;

    /// The error of an answer that is longer than [`Peer::MAX_ANSWER`].
    fn too_long(&self) -> Error;

    /// The error of an answer, or of a line of one, that is not the JSON of this interface.
    fn garbled(&self, answer: &'static str) -> Error;

    /// The meaning of a status that is no success. `body` is an error if the refusal itself did
    /// not arrive as a whole.
    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error;

    /// The proof that such a status is, with the whole of its body. Anything but the node's own words, and
    /// anything that the node also says of what it has begun, proves nothing.
    fn proof(&self, status: StatusCode, body: &[u8]) -> Proof;
}
