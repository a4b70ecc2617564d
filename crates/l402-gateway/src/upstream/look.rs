//! A look at a file of an upstream's own, so that the log can tell if the gateway hides it.
//!
//! The look is a request of the gateway itself and of nobody else: HEAD, without a header of a client, on a
//! connection of its own that ends with it. No request of a client comes this way.

use std::io;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::connect::Upstream;

/// The longest time of a look, connecting included.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest status line that is read, in bytes.
const LINE_MAX: usize = 256;

impl Upstream {
    /// Returns true if the upstream has a file at this path, its own base included. False if it has
    /// none, does not say, or speaks HTTP/2.
    pub(crate) async fn has_file(&self, path: &str) -> bool {
        if self.is_http2() {
            return false;
        }
        let looked = timeout(PATIENCE, self.ask_status(&Method::HEAD, path)).await;
        matches!(looked, Ok(Ok(StatusCode::OK)))
    }
}

/// Sends a head, and reads the status line of the answer.
pub(super) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    head: &[u8],
) -> io::Result<StatusCode> {
    stream.write_all(head).await?;
    stream.flush().await?;
    let mut line = Vec::new();
    while !line.contains(&b'\n') && line.len() < LINE_MAX {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    status(&line).ok_or_else(|| io::Error::other("no status line"))
}

/// Returns the status of a status line such as `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<StatusCode> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    // The minor version and a space.
    StatusCode::from_bytes(rest.get(2..5)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_its_line_alone() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(StatusCode::OK));
        assert_eq!(status(b"HTTP/1.0 404\r\n"), Some(StatusCode::NOT_FOUND));
        for line in [
            &b""[..],
            b"HTTP/2 200",
            b"HTTP/1.1 2",
            b"HTTP/1.1 abc",
            b"200",
        ] {
            assert_eq!(status(line), None);
        }
    }
}
