//! The services behind the gateway: they count, and they die, fail and hang as they are told.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Result, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The service whose answers are 500 while [`Upstream::fail`] is on.
const FAILING: &str = "/one/";

/// The service that answers nothing while [`Upstream::hang`] is on.
const HANGING: &str = "/slow/";

/// The service that answers in chunks.
const STREAM: &str = "/stream/";

/// The answer of a path, in full.
pub(crate) fn answer(path: &str) -> String {
    format!("the answer of {path}, to its end.\n")
}

/// Runs as long as the test, but for the time in which it is dead.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Answers in full that were written, by path.
    delivered: Mutex<HashMap<String, usize>>,
    connections: Mutex<Vec<TcpStream>>,
    is_dead: AtomicBool,
    fails: AtomicBool,
    hangs: AtomicBool,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut upstream = Self {
            address: listener.local_addr().expect("an address"),
            shared: Arc::default(),
            accepting: None,
        };
        upstream.accept(listener);
        upstream
    }

    fn accept(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let accept = move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if shared.is_dead.load(Ordering::SeqCst) {
                    return;
                }
                let of_socket = Arc::clone(&shared);
                let kept = socket.try_clone().expect("a socket");
                shared.connections.lock().expect("no panic").push(kept);
                std::thread::spawn(move || drop(of_socket.converse(&socket)));
            }
        };
        self.accepting = Some(std::thread::spawn(accept));
    }

    /// Closes its port, and its connections before their next answer.
    pub(crate) fn die(&mut self) {
        self.shared.is_dead.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let accepting = self.accepting.take().expect("it is alive");
        accepting.join().expect("no panic");
        for socket in self.shared.connections.lock().expect("no panic").drain(..) {
            // What is being written may end.
            let _ = socket.shutdown(Shutdown::Read);
        }
    }

    /// Listens on its port again.
    pub(crate) fn revive(&mut self) {
        self.shared.is_dead.store(false, Ordering::SeqCst);
        let listener = TcpListener::bind(self.address).expect("its port");
        self.accept(listener);
    }

    pub(crate) fn fail(&self, is_on: bool) {
        self.shared.fails.store(is_on, Ordering::SeqCst);
    }

    pub(crate) fn hang(&self, is_on: bool) {
        self.shared.hangs.store(is_on, Ordering::SeqCst);
    }

    /// Takes the counts of answers out.
    pub(crate) fn delivered(&self) -> HashMap<String, usize> {
        core::mem::take(&mut *self.shared.delivered.lock().expect("no panic"))
    }
}

impl Shared {
    fn converse(&self, mut socket: &TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut reader = BufReader::new(socket);
        while let Some((method, path)) = request(&mut reader)? {
            if self.is_dead.load(Ordering::SeqCst) {
                break;
            }
            if method != "GET" {
                // A gateway that starts looks which files are there. That is no delivery.
                socket.write_all(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            }
            while path.starts_with(HANGING) && self.hangs.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let is_failure = path.starts_with(FAILING) && self.fails.load(Ordering::SeqCst);
            if !is_failure {
                let mut delivered = self.delivered.lock().expect("no panic");
                *delivered.entry(path.clone()).or_default() += 1;
            }
            socket.write_all(response(&path, is_failure).as_bytes())?;
        }
        socket.shutdown(Shutdown::Both)
    }
}

/// Returns a whole answer.
fn response(path: &str, is_failure: bool) -> String {
    let body = answer(path);
    let length = body.len();
    if is_failure {
        return "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n".to_owned();
    }
    if !path.starts_with(STREAM) {
        return format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    }
    let (first, last) = body.split_at(length / 2);
    let chunks = [first, last, ""].map(|part| format!("{:x}\r\n{part}\r\n", part.len()));
    format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunks.concat()
    )
}

/// Returns the method and the path of the next request, or `None` if no more come.
fn request(reader: &mut BufReader<&TcpStream>) -> Result<Option<(String, String)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let request = words.next().zip(words.next());
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            return Ok(request);
        }
    }
}
