//! What everything is a proxy of: a server that does as little as HTTP allows.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::error::{Result, While};
use crate::usage::{LOAD_CORE, stay_on};

/// The path whose body is large; every other has the small one.
pub(crate) const LARGE: &str = "/large";
const SMALL_BODY: usize = 1024;
const LARGE_BODY: usize = 64 * 1024;

/// The name of the listener among the connections.
const LISTENER: u64 = u64::MAX;

/// How often it looks whether it is to end.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// A running upstream; ends when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    /// Its thread, for those who count what it uses.
    pub(crate) thread_id: i32,
    pub(crate) small: Arc<[u8]>,
    pub(crate) large: Arc<[u8]>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Listens on a free port of loopback, on the load generator's core.
    ///
    /// # Errors
    /// Where there is no port or no such core.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").while_doing("listening")?;
        listener.set_nonblocking(true).while_doing("listening")?;
        let address = listener.local_addr().while_doing("listening")?;
        let (small, large) = (letters(SMALL_BODY), letters(LARGE_BODY));
        let (answers, end) = ([answer(&small), answer(&large)], Arc::default());
        let (started, start) = mpsc::channel();
        let ending = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let server = stay_on(LOAD_CORE).and_then(|()| Server::new(listener, answers));
            let id = rustix::thread::gettid().as_raw_nonzero().get();
            match server {
                Ok(server) => {
                    let _ = started.send(Ok(id));
                    server.serve(&ending);
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
        Ok(Self {
            address,
            thread_id: start.recv().while_doing("starting the upstream")??,
            small,
            large,
            end,
            thread: Some(thread),
        })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Other letters in each run: nobody else can have answered.
fn letters(length: usize) -> Arc<[u8]> {
    (0..length)
        .map(|_| fastrand::alphanumeric() as u8)
        .collect()
}

fn answer(body: &[u8]) -> Arc<[u8]> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}");
    [head.as_bytes(), b"\r\n\r\n", body].concat().into()
}

struct Server {
    listener: TcpListener,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    /// Small, then large.
    answers: [Arc<[u8]>; 2],
}

impl Server {
    fn new(listener: TcpListener, answers: [Arc<[u8]>; 2]) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).while_doing("epoll")?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )
        .while_doing("epoll")?;
        Ok(Self {
            listener,
            epoll,
            connections: Vec::new(),
            answers,
        })
    }

    fn serve(mut self, end: &AtomicBool) {
        let mut events = Vec::with_capacity(1024);
        while !end.load(Ordering::Relaxed) {
            // An interrupted wait is a wait without events.
            let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&LOOK));
            for event in events.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    index => self.attend(usize::try_from(index).unwrap_or(usize::MAX)),
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let free = self.connections.iter().position(Option::is_none);
            let index = free.unwrap_or(self.connections.len());
            if index == self.connections.len() {
                self.connections.push(None);
            }
            let name = EventData::new_u64(index as u64);
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            let ready = stream.set_nonblocking(true).is_ok()
                && stream.set_nodelay(true).is_ok()
                && epoll::add(&self.epoll, &stream, name, edges).is_ok();
            if ready {
                self.connections[index] = Some(Connection::new(stream));
            }
        }
    }

    /// Serves one connection as far as it can be; forgets it when it has ended.
    fn attend(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if connection.serve(&self.answers).is_none() {
            self.connections[index] = None;
        }
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Box<[u8; 8192]>,
    filled: usize,
    /// An answer, and how much of it is still to be written.
    unsent: Option<(Arc<[u8]>, usize)>,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Box::new([0; 8192]),
            filled: 0,
            unsent: None,
        }
    }

    /// Goes on where there is something to do, after an event; `None` when the connection has
    /// ended.
    fn serve(&mut self, answers: &[Arc<[u8]>; 2]) -> Option<()> {
        if let Some((answer, sent)) = self.unsent.take() {
            self.write(answer, sent)?;
            if self.unsent.is_some() {
                return Some(());
            }
        }
        let free = &mut self.buffer[self.filled..];
        match self.stream.read(free) {
            Ok(0) => return None,
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
            Err(_) => return None,
        }
        match request(&self.buffer[..self.filled]) {
            // One request at a time: no proxy here sends a second before the answer.
            Ok(Some((end, large))) if end == self.filled => {
                self.filled = 0;
                let [small_answer, large_answer] = answers;
                let answer = if large { large_answer } else { small_answer };
                self.write(Arc::clone(answer), 0)
            }
            Ok(None) => Some(()),
            Ok(Some(_)) | Err(_) => None,
        }
    }

    fn write(&mut self, answer: Arc<[u8]>, mut sent: usize) -> Option<()> {
        while sent < answer.len() {
            match self.stream.write(&answer[sent..]) {
                Ok(0) => return None,
                Ok(written) => sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unsent = Some((answer, sent));
                    return Some(());
                }
                Err(_) => return None,
            }
        }
        Some(())
    }
}

/// Where a request without a body ends, and whether it is for the large body.
fn request(bytes: &[u8]) -> Result<Option<(usize, bool)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes)? {
        httparse::Status::Complete(end) => Ok(Some((end, request.path == Some(LARGE)))),
        httparse::Status::Partial => Ok(None),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::time::Duration;

    use crate::response::Reader;

    /// An upstream; `None` on a machine with one core, where nothing can be measured.
    pub(crate) fn started() -> Option<Upstream> {
        let upstream = Upstream::start().ok();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(upstream.is_some(), cores > 1);
        upstream
    }

    fn ask(stream: &mut TcpStream, path: &str) -> Vec<u8> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let (first, second) = request.as_bytes().split_at(10);
        stream.write_all(first).expect("it is sent");
        stream.write_all(second).expect("it is sent");
        let mut reader = Reader::default();
        loop {
            reader.read_from(stream).expect("it is read");
            if let Some(answer) = reader.answer().expect("it is an answer") {
                return answer.body.to_vec();
            }
        }
    }

    #[test]
    fn answers_again_and_again_with_either_body() {
        let Some(upstream) = started() else {
            return;
        };
        let mut stream = TcpStream::connect(upstream.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&mut stream, "/small"), *upstream.small);
            assert_eq!(ask(&mut stream, LARGE), *upstream.large);
        }
    }

    #[test]
    fn ends_a_connection_that_speaks_something_else() {
        assert!(request(b"\x16\x03\x01\x00").is_err());
        assert_eq!(request(b"GET / HTTP/1.1\r\n").unwrap(), None);
    }
}
