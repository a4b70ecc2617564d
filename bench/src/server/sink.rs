//! A server that takes whatever is posted to it: a collector of traces, a receiver of webhooks.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::error::{Result, While};
use crate::usage::{LOAD_CORE, stay_on};

/// The longest head of a request.
const HEAD_MAX: usize = 16 * 1024;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Listens on a free port of loopback, on the load generator's core, until the program ends.
///
/// # Errors
/// If no port is free.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").while_doing("listening")?;
    let address = listener.local_addr().while_doing("listening")?;
    std::thread::spawn(move || {
        // Without its core it would take time of the servers that are measured.
        if stay_on(LOAD_CORE).is_err() {
            return;
        }
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

/// Answers each request of a connection, until it ends.
fn serve(mut stream: TcpStream) -> Option<()> {
    let mut seen = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        while let Some((head, body)) = length(&seen) {
            let whole = head + body;
            while seen.len() < whole {
                let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
                seen.extend_from_slice(&piece[..count]);
            }
            seen.drain(..whole);
            stream.write_all(ANSWER).ok()?;
        }
        if seen.len() > HEAD_MAX {
            return None;
        }
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        seen.extend_from_slice(&piece[..count]);
    }
}

/// The bytes of the head and of the body of a request; `None` if its head is not whole.
fn length(seen: &[u8]) -> Option<(usize, usize)> {
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut lines);
    let httparse::Status::Complete(head) = request.parse(seen).ok()? else {
        return None;
    };
    let named = |line: &&httparse::Header<'_>| line.name.eq_ignore_ascii_case("content-length");
    let value = request.headers.iter().find(named).map(|line| line.value);
    let digits = value.and_then(|value| std::str::from_utf8(value).ok());
    Some((
        head,
        digits.map_or(Some(0), |digits| digits.trim().parse().ok())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_on_one_connection_are_answered_each() {
        let mut stream = TcpStream::connect(start().unwrap()).unwrap();
        let request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
        stream.write_all(&[&request[..], request].concat()).unwrap();
        let mut answers = vec![0; 2 * ANSWER.len()];
        stream.read_exact(&mut answers).unwrap();
        assert_eq!(answers, [ANSWER, ANSWER].concat());
    }
}
