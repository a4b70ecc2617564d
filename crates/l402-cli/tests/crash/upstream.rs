//! The service behind the gateway: counts what it delivers, by path, and is as slow as asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::run::PATIENCE;

/// Below it, the first answer of a path stays in the middle until its connection ends.
pub(crate) const HALTING: &str = "/halting/";
/// Below it, head and body come after a few milliseconds each.
pub(crate) const LOADED: &str = "/loaded/";

/// The answer of a path, in full.
pub(crate) fn answer(path: &str) -> String {
    format!("the answer of {path}, {}.\n", "to its end, ".repeat(8))
}

/// Runs as long as the test.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    delivered: Mutex<HashMap<String, u32>>,
    rng: Mutex<fastrand::Rng>,
}

impl Upstream {
    pub(crate) fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            delivered: Mutex::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        });
        let accepting = Arc::clone(&inner);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let inner = Arc::clone(&accepting);
                // A gateway that is killed breaks off anywhere.
                std::thread::spawn(move || drop(inner.converse(&socket)));
            }
        });
        Self { address, inner }
    }

    /// Returns the number of requests for each path.
    pub(crate) fn delivered(&self) -> HashMap<String, u32> {
        self.inner.delivered.lock().expect("no panic").clone()
    }
}

impl Inner {
    fn converse(&self, socket: &TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(socket);
        while let Some(path) = request(&mut reader)? {
            let before = self.count(&path);
            match path.starts_with(HALTING) {
                true => halting(socket, &mut reader, &path, before == 0)?,
                false => self.in_pieces(socket, &path)?,
            }
        }
        Ok(())
    }

    /// Notes a delivery; how many there were before.
    fn count(&self, path: &str) -> u32 {
        let mut delivered = self.delivered.lock().expect("no panic");
        let count = delivered.entry(path.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    fn in_pieces(&self, mut socket: &TcpStream, path: &str) -> std::io::Result<()> {
        let body = answer(path);
        let (first, rest) = body.split_at(body.len() / 2);
        self.pause(path);
        let length = body.len();
        write!(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{first}"
        )?;
        self.pause(path);
        socket.write_all(rest.as_bytes())
    }

    fn pause(&self, path: &str) {
        if path.starts_with(LOADED) {
            let time = self.rng.lock().expect("no panic").u64(0..8000);
            std::thread::sleep(Duration::from_micros(time));
        }
    }
}

/// The path of the next request, or `None` where no more come.
fn request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).map(str::to_owned);
    while reader.read_line(&mut line)? > 2 {}
    Ok(path)
}

/// An answer without a length. The first time it has no end.
fn halting(
    mut socket: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    path: &str,
    first: bool,
) -> std::io::Result<()> {
    let body = answer(path);
    let (half, rest) = body.split_at(body.len() / 2);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    write!(socket, "{head}{:x}\r\n{half}\r\n", half.len())?;
    if first {
        let mut gone = [0];
        // Nothing more is asked on this connection before its answer has ended.
        return reader.read(&mut gone).map(drop);
    }
    write!(socket, "{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len())
}
