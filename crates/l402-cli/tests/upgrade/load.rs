//! A gateway under load: buyers who pay for each answer, and streams that stay open.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use l402::{Challenges, Msat};
use l402_host::{Clock as _, SystemClock};
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use l402_lightning::{Pay, PayRequest, Payment};
use tokio::runtime::Runtime;

use crate::exchange::{Answer, Connection};
use crate::program::{Home, Serving};
use crate::run::{NO_LIMITS, PATIENCE, route, wait_until};
use crate::upstream::{END, Upstream};

/// Buyers at once.
const BUYERS: usize = 4;

/// A home, what is sold in it, and by which file.
pub(crate) struct Setup {
    pub(crate) upstream: Upstream,
    pub(crate) home: Home,
    config: PathBuf,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let (upstream, home) = (Upstream::start(), Home::new());
        let config = home.file("l402.toml", "");
        let setup = Self {
            upstream,
            home,
            config,
        };
        setup.write("");
        setup
    }

    /// Writes the file, with `more` at its end.
    pub(crate) fn write(&self, more: &str) {
        let routes = [("/one/{id}", "one"), ("/stream/{id}", "stream")];
        let upstream = self.upstream.address;
        let routes = routes.map(|(path, service)| route(path, upstream, service, "request"));
        let text = format!("{NO_LIMITS}{}{more}", routes.concat());
        self.home.file("l402.toml", &text);
    }

    pub(crate) fn config(&self) -> &str {
        self.config.to_str().expect("a path")
    }

    /// Returns the arguments of a gateway with so many workers, at this address.
    pub(crate) fn serve<'a>(&'a self, listen: &'a str, workers: &'a str) -> Vec<&'a str> {
        let config = self.config();
        let log = ["serve", "--log", "info", "--config", config];
        [&log[..], &["--listen", listen, "--workers", workers]].concat()
    }

    pub(crate) fn start(&self, listen: &str) -> Serving {
        self.home.serve(&self.serve(listen, "2"))
    }

    fn wallet(&self) -> Wallet {
        let home = self.home.path().join("home");
        let sandbox = Sandbox::open(&home, Arc::new(SystemClock::default()));
        let account = SandboxWallet::open(&sandbox.expect("a sandbox"), "default");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Wallet {
            account: account.expect("an account"),
            runtime: runtime.enable_all().build().expect("a runtime"),
        }
    }
}

struct Wallet {
    account: SandboxWallet,
    runtime: Runtime,
}

impl Wallet {
    /// Pays what an answer asks for, and returns the value of `Authorization`.
    fn pay(&self, answer: &Answer) -> String {
        assert_eq!(answer.status, 402, "{}", answer.body);
        let lines = answer.values("www-authenticate").into_iter();
        let challenges = Challenges::parse(lines.map(str::as_bytes)).expect("challenges");
        let challenge = challenges.payable().expect("one to pay").remove(0);
        let request = PayRequest::new(challenge.invoice().to_owned(), Msat::ZERO, PATIENCE);
        let payment = self.runtime.block_on(self.account.pay(request));
        let Payment::Settled { preimage, .. } = payment else {
            panic!("not paid: {payment:?}");
        };
        challenge.authorization(&preimage)
    }
}

/// A load that never stops before [`Load::end`]. Any request that fails is a panic of its thread.
pub(crate) struct Load {
    shared: Arc<Shared>,
    buyers: Vec<JoinHandle<()>>,
    streams: Vec<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    bought: AtomicUsize,
    is_over: AtomicBool,
    /// The longest times of an answer without an upstream, since they were taken last.
    times: Mutex<Vec<Duration>>,
    streaming: AtomicUsize,
}

impl Load {
    pub(crate) fn start(setup: &Setup, address: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            address,
            bought: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            times: Mutex::default(),
            streaming: AtomicUsize::new(0),
        });
        let buyer = |_| {
            let (shared, wallet) = (Arc::clone(&shared), setup.wallet());
            std::thread::spawn(move || shared.buy_on(&wallet))
        };
        let buyers = (0..BUYERS).map(buyer).collect();
        Self {
            shared,
            buyers,
            streams: Vec::new(),
        }
    }

    /// Opens so many paid streams more, and returns when each has sent something.
    pub(crate) fn open_streams(&mut self, setup: &Setup, count: usize) {
        let wallet = setup.wallet();
        let open = self.shared.streaming.load(Ordering::SeqCst) + count;
        for _ in 0..count {
            let path = format!("/stream/{}", self.shared.number());
            let authorization = wallet.pay(&self.shared.challenge(&path));
            let shared = Arc::clone(&self.shared);
            let stream = std::thread::spawn(move || {
                shared
                    .read_stream(&path, &authorization)
                    .expect("a stream is not cut");
            });
            self.streams.push(stream);
        }
        wait_until("the streams are open", || {
            self.shared.streaming.load(Ordering::SeqCst) == open
        });
    }

    /// Waits until so many more answers were had.
    pub(crate) fn wait_for(&self, answers: usize) {
        let enough = self.shared.bought.load(Ordering::SeqCst) + answers;
        wait_until("the load is served", || {
            self.is_failed() || self.shared.bought.load(Ordering::SeqCst) >= enough
        });
        assert!(!self.is_failed(), "a request failed");
    }

    fn is_failed(&self) -> bool {
        self.buyers.iter().any(JoinHandle::is_finished)
    }

    /// Takes the times of answers since the last call, sorted.
    pub(crate) fn take_times(&self) -> Vec<Duration> {
        let mut times = core::mem::take(&mut *self.shared.times.lock().expect("no panic"));
        times.sort_unstable();
        times
    }

    /// Ends the buyers, and the streams, which have to be whole. Returns what was bought.
    pub(crate) fn end(self, upstream: &Upstream) -> usize {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for buyer in self.buyers {
            buyer.join().expect("no request failed");
        }
        upstream.let_go();
        for stream in self.streams {
            stream.join().expect("no stream was cut");
        }
        self.shared.bought.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn number(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::SeqCst)
    }

    fn challenge(&self, path: &str) -> Answer {
        let asked = Connection::open(self.address).and_then(|mut open| open.get(path, None));
        asked.expect("a challenge")
    }

    /// One buyer: pays for one answer after another, on connections that stay open while they may.
    fn buy_on(&self, wallet: &Wallet) {
        let mut kept = None;
        while !self.is_over.load(Ordering::SeqCst) {
            let path = format!("/one/{}", self.number());
            let authorization = wallet.pay(&self.ask(&mut kept, &path, None));
            let answer = self.ask(&mut kept, &path, Some(&authorization));
            assert_eq!((answer.status, &answer.body), (200, &path));
            self.bought.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Asks on the connection that is open, or on another one if the last answer ended it.
    fn ask(&self, kept: &mut Option<Connection>, path: &str, credential: Option<&str>) -> Answer {
        let clock = SystemClock::default();
        let mut open = match kept.take() {
            Some(open) => open,
            None => Connection::open(self.address).expect("no connection is refused"),
        };
        let answer = open.get(path, credential);
        let answer = answer.unwrap_or_else(|error| panic!("{path} failed: {error}"));
        if credential.is_none() {
            self.times.lock().expect("no panic").push(clock.monotonic());
        }
        if answer.values("connection") != ["close"] {
            *kept = Some(open);
        }
        answer
    }

    /// Reads a stream to its end, and finds that nothing of it is missing.
    fn read_stream(&self, path: &str, authorization: &str) -> Result<()> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n\r\n"
        )?;
        let mut reader = BufReader::new(socket);
        assert_eq!(line(&mut reader)?, "HTTP/1.1 200 OK");
        while !line(&mut reader)?.is_empty() {}
        let (mut text, mut is_counted) = (String::new(), false);
        // The gateway may cut the chunks of the upstream anew.
        while let Some(piece) = chunk(&mut reader)? {
            text += &piece;
            if !core::mem::replace(&mut is_counted, true) {
                self.streaming.fetch_add(1, Ordering::SeqCst);
            }
        }
        let lines: Vec<&str> = text.lines().collect();
        let (last, numbers) = lines.split_last().expect("some lines");
        assert_eq!(*last, END, "{path}");
        for (number, line) in numbers.iter().enumerate() {
            assert_eq!(*line, number.to_string(), "{path}");
        }
        Ok(())
    }
}

fn line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.strip_suffix("\r\n").map(str::to_owned);
    line.ok_or_else(|| ErrorKind::UnexpectedEof.into())
}

/// Reads a chunk; the last one is `None`.
fn chunk(reader: &mut impl BufRead) -> Result<Option<String>> {
    let size = line(reader)?;
    let size = usize::from_str_radix(&size, 16).map_err(Error::other)?;
    let mut piece = vec![0; size];
    reader.read_exact(&mut piece)?;
    assert_eq!(line(reader)?, "");
    let piece = String::from_utf8(piece).map_err(Error::other)?;
    Ok((size > 0).then_some(piece))
}
