//! The service behind the gateways: counts answers by path, and sends streams that last.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Below it, answers last until [`Upstream::let_go`].
const STREAM: &str = "/stream/";

/// The pause between two pieces of a stream.
const PAUSE: Duration = Duration::from_millis(50);

/// The last line of a stream that has come to its end.
pub(crate) const END: &str = "the end";

/// Runs as long as the test.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    delivered: Mutex<HashMap<String, usize>>,
    is_over: AtomicBool,
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
                std::thread::spawn(move || drop(shared.converse(&socket)));
            }
        });
        Self { address, shared }
    }

    /// The answers to each path.
    pub(crate) fn delivered(&self) -> HashMap<String, usize> {
        self.shared.delivered.lock().expect("no panic").clone()
    }

    /// Lets every stream come to its end.
    pub(crate) fn let_go(&self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn converse(&self, mut socket: &TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut reader = BufReader::new(socket);
        while let Some(path) = request(&mut reader)? {
            let mut delivered = self.delivered.lock().expect("no panic");
            *delivered.entry(path.clone()).or_default() += 1;
            drop(delivered);
            if path.starts_with(STREAM) {
                self.stream(socket)?;
            } else {
                let length = path.len();
                write!(
                    socket,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}"
                )?;
            }
        }
        Ok(())
    }

    /// Sends numbered lines in chunks, until the streams may end.
    fn stream(&self, mut socket: &TcpStream) -> Result<()> {
        write!(
            socket,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        )?;
        let mut chunk = |line: String| write!(socket, "{:x}\r\n{line}\n\r\n", line.len() + 1);
        for number in 0_u64.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            chunk(number.to_string())?;
            std::thread::sleep(PAUSE);
        }
        chunk(END.to_owned())?;
        write!(socket, "0\r\n\r\n")
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
