//! A seller in this process that answers a credential as it is told, with the sandbox of a home.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use l402::Msat;
use l402_host::SystemClock;
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Receive};

use crate::program::Home;

pub(crate) struct Seller {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    sandbox: Sandbox,
    /// The answer to a credential: the head without its length, and the body.
    answer: (String, Vec<u8>),
    asked: AtomicU32,
    presented: AtomicU32,
}

impl Seller {
    /// Sells for 50 sat, and answers every credential with this head and body.
    pub(crate) fn open(home: &Home, head: &str, body: &[u8]) -> Self {
        let clock = Arc::new(SystemClock::default());
        let state = Arc::new(State {
            sandbox: Sandbox::open(&home.path().join("home"), clock).expect("a sandbox"),
            answer: (head.to_owned(), body.to_vec()),
            asked: AtomicU32::new(0),
            presented: AtomicU32::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&serving);
                // A client that has read enough may close first.
                std::thread::spawn(move || state.serve(socket));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests without a credential, and those with one.
    pub(crate) fn seen(&self) -> (u32, u32) {
        let read = |count: &AtomicU32| count.load(Ordering::SeqCst);
        (read(&self.state.asked), read(&self.state.presented))
    }

    /// Returns the amount that was paid, in msat.
    pub(crate) fn income(&self) -> u64 {
        self.state
            .sandbox
            .income()
            .expect("the sandbox's file")
            .msat()
    }
}

impl State {
    fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(socket.try_clone()?);
        let (mut line, mut is_paid, mut length) = (String::new(), false, 0);
        while reader.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            is_paid |= line
                .to_ascii_lowercase()
                .starts_with("authorization: l402 ");
            line.clear();
        }
        // Bytes that nobody has read would reset the connection at its end.
        std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
        let count = if is_paid {
            &self.presented
        } else {
            &self.asked
        };
        count.fetch_add(1, Ordering::SeqCst);
        let (head, body) = if is_paid {
            self.answer.clone()
        } else {
            (self.challenge(), Vec::new())
        };
        let head = format!(
            "{head}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes())?;
        socket.write_all(&body)
    }

    fn challenge(&self) -> String {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let request = InvoiceRequest::new(Msat::from_sat(50), Duration::from_secs(600), "it");
        let invoice = runtime.block_on(self.sandbox.create_invoice(request));
        let invoice = invoice.expect("an invoice");
        format!(
            "HTTP/1.1 402 Payment Required\r\nwww-authenticate: L402 macaroon=\"opaque\", \
             invoice=\"{}\"\r\n",
            invoice.bolt11()
        )
    }
}
