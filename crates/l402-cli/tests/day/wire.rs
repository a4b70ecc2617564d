//! HTTP/1.1 as the buyers and the operator of the day speak it: any method, a body, and answers in chunks.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use serde_json::Value;

use crate::run::PATIENCE;

/// The time after which a connection that was not used is not used again: the gateway closes it after 10
/// seconds.
const IDLE: Duration = Duration::from_secs(3);

/// An answer that was had to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The values of a header, whose name is in lower case.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.head.iter().filter(|(field, _)| field == name);
        named.map(|(_, value)| &**value).collect()
    }

    /// The body as JSON, null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The code of a problem, empty for an answer of the upstream.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Connections to one address, one at a time, open for as long as the other side keeps them.
pub(crate) struct Line {
    to: SocketAddr,
    open: Option<BufReader<TcpStream>>,
    clock: SystemClock,
    used: Duration,
}

impl Line {
    pub(crate) fn to(to: SocketAddr) -> Self {
        Self {
            to,
            open: None,
            clock: SystemClock::default(),
            used: Duration::ZERO,
        }
    }

    /// Asks for a path with these lines of headers, each with its end.
    pub(crate) fn get(&mut self, path: &str, headers: &str) -> Answer {
        self.send("GET", path, headers, "")
    }

    /// Sends a request, and reads the answer. Every connection and every answer is due.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.exchange(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path} failed: {error}"))
    }

    fn exchange(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
        let idle = self.clock.monotonic().saturating_sub(self.used);
        let mut open = match self.open.take() {
            Some(open) if idle < IDLE => open,
            _ => connect(self.to)?,
        };
        let (host, length) = (self.to, body.len());
        let length = match length {
            0 => String::new(),
            _ => format!("content-length: {length}\r\n"),
        };
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}{length}\r\n{body}");
        open.get_mut().write_all(request.as_bytes())?;
        let answer = read(&mut open)?;
        self.used = self.clock.monotonic();
        if answer.values("connection") != ["close"] {
            self.open = Some(open);
        }
        Ok(answer)
    }
}

fn connect(to: SocketAddr) -> Result<BufReader<TcpStream>> {
    let socket = TcpStream::connect_timeout(&to, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(socket))
}

fn read(reader: &mut BufReader<TcpStream>) -> Result<Answer> {
    let first = line(reader)?;
    let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
    let mut answer = Answer {
        status: status.ok_or(ErrorKind::InvalidData)?,
        head: Vec::new(),
        body: String::new(),
    };
    loop {
        let line = line(reader)?;
        match line.split_once(':') {
            Some((name, value)) => {
                let field = (name.to_ascii_lowercase(), value.trim().to_owned());
                answer.head.push(field);
            }
            None => break,
        }
    }
    let mut body = Vec::new();
    if answer.values("transfer-encoding") == ["chunked"] {
        while chunk(reader, &mut body)? {}
    } else if let [length] = answer.values("content-length")[..] {
        body = vec![0; length.parse().map_err(Error::other)?];
        reader.read_exact(&mut body)?;
    }
    answer.body = String::from_utf8(body).map_err(Error::other)?;
    Ok(answer)
}

/// Reads one chunk. The last one is empty, and `false` is returned.
fn chunk(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<bool> {
    let size = usize::from_str_radix(&line(reader)?, 16).map_err(Error::other)?;
    let begin = body.len();
    body.resize(begin + size, 0);
    reader.read_exact(&mut body[begin..])?;
    line(reader)?;
    Ok(size > 0)
}

fn line(reader: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.strip_suffix("\r\n").map(str::to_owned);
    line.ok_or_else(|| ErrorKind::UnexpectedEof.into())
}
