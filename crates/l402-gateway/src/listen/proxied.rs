//! The begin of a connection that a proxy has passed on: its PROXY header, and not a byte more.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::proxy_header::{self, HEADER_MAX, ProxyHeader};

/// Reads the header that a connection begins with. What follows is left in the socket, for TLS or
/// HTTP.
///
/// # Errors
/// The bytes are no header, or the connection breaks off before its end.
pub(super) async fn read_header(
    socket: &mut TcpStream,
) -> Result<ProxyHeader, Box<dyn std::error::Error + Send + Sync>> {
    let mut head = Vec::with_capacity(128);
    let mut next = [0; HEADER_MAX];
    loop {
        // Only looked at: where the header ends is known once it is whole.
        let seen = socket.peek(&mut next).await?;
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let before = head.len();
        head.extend_from_slice(&next[..seen]);
        let read = proxy_header::read(&head)?;
        let taken = read.map_or(seen, |(_, length)| length - before);
        socket.read_exact(&mut next[..taken]).await?;
        if let Some((header, _)) = read {
            return Ok(header);
        }
    }
}
