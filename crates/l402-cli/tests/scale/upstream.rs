//! The service behind the gateways: counts by path, and can hold an answer in its middle.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use crate::run::PATIENCE;

/// Below it, the first answer of a path stays in its middle until [`Upstream::let_go`].
pub(crate) const GATED: &str = "/gated/";

/// The answer of a path, in full.
pub(crate) fn answer(path: &str) -> String {
    format!("the answer of {path}, to its end.\n")
}

/// Runs as long as the test.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    delivered: HashMap<String, usize>,
    is_open: bool,
    /// Answers that have begun behind the gate.
    held: usize,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&accepting);
                // A gateway that is killed breaks off anywhere.
                std::thread::spawn(move || drop(shared.converse(&socket)));
            }
        });
        Self { address, shared }
    }

    /// The answers to all paths, begun ones included.
    pub(crate) fn delivered(&self) -> usize {
        let state = self.shared.state.lock().expect("no panic");
        state.delivered.values().sum()
    }

    /// The answers that stay in their middle, or stayed there.
    pub(crate) fn held(&self) -> usize {
        self.shared.state.lock().expect("no panic").held
    }

    /// Lets every answer come to its end.
    pub(crate) fn let_go(&self) {
        self.shared.state.lock().expect("no panic").is_open = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn converse(&self, mut socket: &TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut reader = BufReader::new(socket);
        while let Some(path) = request(&mut reader)? {
            let body = answer(&path);
            let (first, rest) = body.split_at(body.len() / 2);
            let length = body.len();
            write!(
                socket,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{first}"
            )?;
            if self.count(&path) == 1 && path.starts_with(GATED) {
                self.hold();
            }
            socket.write_all(rest.as_bytes())?;
        }
        Ok(())
    }

    fn count(&self, path: &str) -> usize {
        let mut state = self.state.lock().expect("no panic");
        let count = state.delivered.entry(path.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn hold(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.held += 1;
        let waited = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.is_open);
        drop(waited.expect("no panic"));
    }
}

/// Returns the path of the next request, or `None` if no more come.
fn request(reader: &mut BufReader<&TcpStream>) -> Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).map(str::to_owned);
    while reader.read_line(&mut line)? > 2 {}
    Ok(path)
}
