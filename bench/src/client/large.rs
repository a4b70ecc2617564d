//! A server of large bodies that cost nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::error::{Result, While};

const MIB: usize = 1024 * 1024;
const PIECE: usize = 64 * 1024;

/// The time that the file lies before it is sent: one that has just changed is copied first, since it may
/// change again.
const REST: Duration = Duration::from_secs(3);

/// Answers GET with a body of one size, and reads any other body to its end. Runs to the program's end.
#[derive(Debug)]
pub(super) struct LargeServer {
    pub(super) url: String,
    /// A file of the same size.
    pub(super) body: tempfile::NamedTempFile,
}

impl LargeServer {
    /// # Errors
    /// Without a port or a temporary file.
    pub(super) fn start(megabytes: u32) -> Result<Self> {
        let size = MIB.saturating_mul(usize::try_from(megabytes).unwrap_or(usize::MAX));
        let body = tempfile::NamedTempFile::new().while_doing("making a large file")?;
        let length = u64::try_from(size).unwrap_or(u64::MAX);
        let sized = body.as_file().set_len(length);
        sized.while_doing("making a large file")?;
        thread::sleep(REST);
        let listener = TcpListener::bind("127.0.0.1:0").while_doing("listening")?;
        let url = format!(
            "http://{}/large",
            listener.local_addr().while_doing("listening")?
        );
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                // A client that has what it wanted may go away first.
                thread::spawn(move || drop(serve(&socket, size)));
            }
        });
        Ok(Self { url, body })
    }
}

/// Answers one request.
fn serve(socket: &TcpStream, size: usize) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(PIECE, socket);
    let mut out = socket;
    let (mut first, mut length, mut waits) = (String::new(), 0, false);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        waits |= line == "expect: 100-continue";
    }
    if waits {
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let body = if first.starts_with("GET ") { size } else { 0 };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {body}\r\nConnection: close\r\n\r\n");
    out.write_all(head.as_bytes())?;
    let piece = vec![b'x'; PIECE];
    let mut left = body;
    while left > 0 {
        let now = left.min(PIECE);
        out.write_all(&piece[..now])?;
        left -= now;
    }
    Ok(())
}
