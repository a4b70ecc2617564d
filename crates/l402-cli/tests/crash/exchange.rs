//! HTTP/1.1 as a client without a journal speaks it: one connection, one request after another.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

use crate::run::PATIENCE;

/// An answer that was had to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lines of the head, as they came.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.head.iter().filter_map(|line| line.split_once(':'));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim()).collect()
    }
}

/// One connection to the gateway.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(to: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect_timeout(&to, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(socket)))
    }

    /// Asks for a path. An error says that there was no full answer.
    pub(crate) fn get(&mut self, path: &str, authorization: Option<&str>) -> Result<Answer> {
        let credential = authorization
            .map(|value| format!("authorization: {value}\r\n"))
            .unwrap_or_default();
        self.ask(path, &format!("host: 127.0.0.1\r\n{credential}"))
    }

    /// Asks for a path of a server that wants its own name.
    pub(crate) fn get_as(&mut self, path: &str, host: &str) -> Result<Answer> {
        self.ask(path, &format!("host: {host}\r\n"))
    }

    fn ask(&mut self, path: &str, headers: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|text| text.parse().ok());
        let mut answer = Answer {
            status: status.ok_or(ErrorKind::InvalidData)?,
            head: Vec::new(),
            body: String::new(),
        };
        loop {
            match self.line()? {
                line if line.is_empty() => break,
                line => answer.head.push(line),
            }
        }
        answer.body = self.body(&answer)?;
        Ok(answer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn body(&mut self, answer: &Answer) -> Result<String> {
        let length = answer.values("content-length");
        let length = length.first().and_then(|text| text.parse().ok());
        let mut body = vec![0; length.ok_or(ErrorKind::InvalidData)?];
        self.0.read_exact(&mut body)?;
        String::from_utf8(body).map_err(Error::other)
    }
}
