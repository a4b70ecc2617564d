//! A server that costs nothing, answers by the path, and writes down what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A request as it came.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: String,
    /// By name in lower case; the values of one name in their order.
    pub(super) headers: BTreeMap<String, Vec<String>>,
    pub(super) body: Vec<u8>,
}

/// Serves on loopback for as long as the test runs.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Self {
            address,
            heard: Arc::default(),
        };
        let served = server.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let served = served.clone();
                // A client that has read enough may close first.
                std::thread::spawn(move || served.serve(&socket));
            }
        });
        server
    }

    /// Returns what came since the last call.
    pub(super) fn take(&self) -> Vec<Heard> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard)
    }

    fn serve(&self, socket: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(socket);
        let mut heard = read_head(&mut reader)?;
        let mut out = socket;
        if heard.headers.contains_key("expect") {
            out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        heard.body = read_body(&mut reader, &heard)?;
        let earlier = {
            let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(heard.clone());
            all.len() - 1
        };
        let answer = super::answers::answer(&heard, earlier);
        if answer.is_empty() {
            // Until the client has had enough.
            return std::io::copy(&mut reader, &mut std::io::sink())
                .map(drop)
                .ok();
        }
        out.write_all(&answer).ok()
    }
}

impl Heard {
    /// Returns the first value of a header, empty without one.
    pub(super) fn header(&self, name: &str) -> &str {
        let values = self.headers.get(name);
        values
            .and_then(|values| values.first())
            .map_or("", String::as_str)
    }
}

/// On one line, with the body as text.
impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            method,
            target,
            version,
            headers,
            body,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(f, "{method} {target} {version} {headers:?} {body:?}")
    }
}

impl Heard {
    /// Replaces the boundary of a form, which is random.
    pub(super) fn same_boundary(&mut self) {
        let Some((_, boundary)) = self.header("content-type").split_once("boundary=") else {
            return;
        };
        let boundary = boundary.to_owned();
        let body = String::from_utf8_lossy(&self.body);
        self.body = body.replace(&boundary, "BOUNDARY").into_bytes();
        let types = self.headers.get_mut("content-type");
        for value in types.into_iter().flatten() {
            *value = value.replace(&boundary, "BOUNDARY");
        }
    }
}

/// Reads the first line and the headers, `None` at the end of a connection.
pub(super) fn read_head(reader: &mut impl BufRead) -> Option<Heard> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut heard = Heard {
        method: words.next()?,
        target: words.next()?,
        version: words.next()?,
        ..Heard::default()
    };
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            return Some(heard);
        };
        let values = heard.headers.entry(name.to_lowercase()).or_default();
        values.push(value.trim().to_owned());
    }
}

/// Reads a body by its length or in chunks.
pub(super) fn read_body(reader: &mut impl BufRead, heard: &Heard) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if let Ok(length) = heard.header("content-length").parse() {
        reader.take(length).read_to_end(&mut body).ok()?;
        return Some(body);
    }
    if heard.header("transfer-encoding") != "chunked" {
        return Some(body);
    }
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = u64::from_str_radix(size.trim(), 16).ok()?;
        reader.by_ref().take(size).read_to_end(&mut body).ok()?;
        reader.read_line(&mut String::new()).ok()?;
        if size == 0 {
            return Some(body);
        }
    }
}
