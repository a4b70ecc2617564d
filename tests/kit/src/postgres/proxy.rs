//! A proxy before the server that cuts the connection at a chosen moment.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};

/// The moment of a cut, as seen from a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never gets it.
    Before,
    /// The server has done it, and its answer is lost.
    After,
}

/// A proxy on a loopback port. Cuts every connection on which an armed statement comes by, once.
#[derive(Debug)]
pub struct CutProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    armed: Option<(String, Cut)>,
    is_closed: bool,
    /// Each answer of the server is held back for so long.
    delay: Duration,
    cuts: usize,
    open: Vec<(TcpStream, UnixStream)>,
}

impl CutProxy {
    /// Starts a proxy before the server that listens on this socket.
    ///
    /// # Panics
    /// If there is no port for it.
    #[must_use]
    pub fn before(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, socket) = (Arc::clone(&state), socket.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                pass(client, &socket, &shared);
            }
        });
        Self { address, state }
    }

    /// The address of the database behind it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://l402@{}/l402?sslmode=disable", self.address)
    }

    /// Cuts the next connection on which a statement that contains `text` is executed.
    ///
    /// # Panics
    /// Never, unless another thread has panicked.
    pub fn arm(&self, text: &str, cut: Cut) {
        self.state.lock().expect("a state").armed = Some((text.to_owned(), cut));
    }

    /// The cuts so far.
    ///
    /// # Panics
    /// Never, unless another thread has panicked.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.state.lock().expect("a state").cuts
    }

    /// Holds each answer of the server back for so long, as a database does that is slow.
    ///
    /// # Panics
    /// Never, unless another thread has panicked.
    pub fn delay(&self, delay: Duration) {
        self.state.lock().expect("a state").delay = delay;
    }

    /// Cuts everything and takes no new connection, or takes them again.
    ///
    /// # Panics
    /// Never, unless another thread has panicked.
    pub fn close(&self, closed: bool) {
        let mut state = self.state.lock().expect("a state");
        state.is_closed = closed;
        if closed {
            for (client, server) in state.open.drain(..) {
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Connects a client with the server, with a thread for each direction.
fn pass(client: TcpStream, socket: &PathBuf, state: &Arc<Mutex<State>>) {
    let mut locked = state.lock().expect("a state");
    if locked.is_closed {
        return;
    }
    let Ok(server) = UnixStream::connect(socket) else {
        return;
    };
    let _ = client.set_nodelay(true);
    let twins = (
        client.try_clone().expect("a twin"),
        server.try_clone().expect("a twin"),
    );
    locked.open.push(twins);
    drop(locked);
    let lost = Arc::new(Mutex::new(false));
    let (from_server, to_client) = (
        server.try_clone().expect("a twin"),
        client.try_clone().expect("a twin"),
    );
    let told = Arc::clone(&lost);
    let (state, shared) = (Arc::clone(state), Arc::clone(state));
    thread::spawn(move || answers(from_server, to_client, &told, &shared));
    thread::spawn(move || {
        let _ = requests(&client, &server, &state, &lost);
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Passes the server's answers on, until they are to be lost: then the end of the next one is waited for,
/// and the connection closed.
fn answers(
    mut server: UnixStream,
    mut client: TcpStream,
    lost: &Mutex<bool>,
    state: &Mutex<State>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let clock = SystemClock::default();
        while clock.monotonic() < state.lock().expect("a state").delay {
            thread::sleep(Duration::from_millis(2));
        }
        if *lost.lock().expect("a flag") {
            // ReadyForQuery, the server's last message of an exchange, is six bytes long.
            if buffer[..read]
                .windows(6)
                .any(|bytes| bytes.starts_with(b"Z\0\0\0\x05"))
            {
                break;
            }
        } else if client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Passes the client's messages on, and looks for the armed statement.
fn requests(
    mut client: &TcpStream,
    mut server: &UnixStream,
    state: &Mutex<State>,
    lost: &Mutex<bool>,
) -> std::io::Result<()> {
    let mut statements: HashMap<Vec<u8>, String> = HashMap::new();
    let mut is_first = true;
    loop {
        let mut tag = [0];
        if !is_first {
            client.read_exact(&mut tag)?;
        }
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let size = u32::from_be_bytes(length) as usize;
        let mut body = vec![0; size.saturating_sub(4)];
        client.read_exact(&mut body)?;
        let executed = if is_first {
            None
        } else {
            statement(tag[0], &body, &mut statements)
        };
        let cut = executed.and_then(|sql| take_cut(state, &sql));
        match cut {
            Some(Cut::Before) => return Ok(()),
            Some(Cut::After) => *lost.lock().expect("a flag") = true,
            None => {}
        }
        if !is_first {
            server.write_all(&tag)?;
        }
        server.write_all(&length)?;
        server.write_all(&body)?;
        is_first = false;
    }
}

/// Returns the statement that a message executes.
fn statement(tag: u8, body: &[u8], known: &mut HashMap<Vec<u8>, String>) -> Option<String> {
    let mut parts = body.split(|byte| *byte == 0);
    match tag {
        b'Q' => Some(String::from_utf8_lossy(body).into_owned()),
        // Parse: name, text.
        b'P' => {
            let name = parts.next()?.to_vec();
            let sql = String::from_utf8_lossy(parts.next()?).into_owned();
            known.insert(name, sql);
            None
        }
        // Bind: portal, name of the statement. Its execution follows in the same packet.
        b'B' => known.get(parts.nth(1)?).cloned(),
        _ => None,
    }
}

fn take_cut(state: &Mutex<State>, sql: &str) -> Option<Cut> {
    let mut state = state.lock().expect("a state");
    let is_armed = state
        .armed
        .as_ref()
        .is_some_and(|(text, _)| sql.contains(text));
    if !is_armed {
        return None;
    }
    state.cuts += 1;
    state.armed.take().map(|(_, cut)| cut)
}
